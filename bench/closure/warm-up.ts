import { Agent } from 'node:http'
import { parseNarInfo } from '../../src/nix/narinfo.ts'
import { parseStorePath } from '../../src/nix/store-path.ts'
import { download } from './download.ts'

/**
 * Another client than Nix, whose wishes tell a proxy nothing about Nix's. It comes from another
 * loopback address.
 */
export const otherAddress = '127.0.0.2'

/**
 * Lets a proxy fetch and serve some paths that are measured nowhere: a proxy that has run for days
 * has its code compiled, its threads started and its connections open, and only its cache is cold.
 */
export async function warmUp(
  url: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, localAddress: otherAddress })
  const fetchPath = async (path: string) => {
    const { hash } = parseStorePath(path, '/nix/store')
    const narinfo = `${url}/${hash}.narinfo`
    const { text } = await download(narinfo, { agent, signal, wantsText: true })
    await download(`${url}/${parseNarInfo(text).url}`, { agent, signal })
  }
  try {
    await Promise.all(paths.map(fetchPath))
  } finally {
    agent.destroy()
  }
}
