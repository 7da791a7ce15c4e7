import { type NixOptions, runNix } from './nix-run.ts'

/**
 * Lets a client fetch some paths through a proxy that are measured nowhere: a proxy that has run for
 * days has its code compiled, its threads started and its connections open, and only its cache is
 * cold. The client is a real one, so that all of that code has run, and has a name of its own, so
 * that what the proxy learns of it says nothing about the one that is measured.
 */
export async function warmUp(options: NixOptions): Promise<void> {
  const url = new URL(options.url)
  url.username = 'another'
  url.password = 'client'
  await runNix('realise', { ...options, url: url.href.replace(/\/$/, '') })
}
