import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateSecretKey, keyRing } from '../../nix/signature.ts'
import { substituteClosure, type Tally } from './client.ts'
import { type Closure, writeClosure } from './closure.ts'
import { startProxy } from './proxy.ts'
import { type DemoUpstream, startUpstream } from './upstream.ts'

/** `copy` takes one NAR at a time as `nix copy` does, `realise` up to 16 as `nix-store -r` does. */
export type Mode = 'copy' | 'realise'

/** Past narwhal; through one with an empty disk; through the same one again, as a new client. */
export type Way = 'direct' | 'cold' | 'warm'

export interface Run extends Tally {
  readonly mode: Mode
  readonly way: Way
  /** Requests that reached the upstream during the run. */
  readonly upstreamRequests: number
}

export interface DemoReport {
  readonly delayMs: number
  readonly paths: number
  /** Bytes of all NARs, unpacked. */
  readonly narBytes: number
  readonly runs: readonly Run[]
}

export interface DemoOptions {
  readonly paths: number
  /** The upstream's wait before each answer. */
  readonly delayMs: number
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

export const parallelNars: Readonly<Record<Mode, number>> = { copy: 1, realise: 16 }

/** Makes a closure, serves it from afar, and substitutes it every way; leaves nothing behind. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const directory = await mkdtemp(join(tmpdir(), 'narwhal-demo-'))
  try {
    options.onProgress(`making a signed closure of ${options.paths} store paths`)
    const closure = await writeClosure({
      directory: join(directory, 'upstream'),
      secretKey: generateSecretKey('narwhal-demo-1'),
      paths: options.paths,
    })
    await using upstream = await startUpstream(join(directory, 'upstream'), options.delayMs)
    const runs: Run[] = []
    for (const mode of ['copy', 'realise'] as const)
      runs.push(...(await runMode(mode, { closure, upstream, directory, options })))
    const narBytes = closure.infos.reduce((sum, info) => sum + info.narSize, 0)
    return { delayMs: options.delayMs, paths: closure.infos.length, narBytes, runs }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Scene {
  readonly closure: Closure
  readonly upstream: DemoUpstream
  readonly directory: string
  readonly options: DemoOptions
}

async function runMode(mode: Mode, scene: Scene): Promise<Run[]> {
  const { closure, upstream, options } = scene
  await using proxy = await startProxy({
    dataDir: join(scene.directory, mode),
    upstreamUrl: upstream.url,
    trustedKey: closure.publicKey,
  })
  const run = async (way: Way, url: string): Promise<Run> => {
    options.signal.throwIfAborted()
    options.onProgress(`substituting it: ${mode}, ${way}`)
    const before = upstream.requests()
    const tally = await substituteClosure({
      url,
      root: closure.root.hash,
      trusted: keyRing([closure.publicKey]),
      parallelNars: parallelNars[mode],
      signal: options.signal,
    })
    return { mode, way, ...tally, upstreamRequests: upstream.requests() - before }
  }
  const direct = await run('direct', upstream.url)
  const cold = await run('cold', proxy.url)
  return [direct, cold, await run('warm', proxy.url)]
}
