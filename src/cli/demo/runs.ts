import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateSecretKey, keyRing, type SecretKey } from '../../nix/signature.ts'
import { KiB } from '../../units.ts'
import { fetchStatus } from '../status/fetch-status.ts'
import type { ShownStatus } from '../status/read-status.ts'
import { substituteClosure, type Tally } from './client.ts'
import { type Closure, writeClosure } from './closure.ts'
import { Line } from './line.ts'
import { type ProxyProcess, startProxy } from './proxy.ts'
import { type Recompressed, recompressAll, writeConfig } from './recompression.ts'
import { type Relay, startRelay } from './relay.ts'
import { type DemoUpstream, startUpstream } from './upstream.ts'

/** `copy` takes one NAR at a time as `nix copy` does, `realise` up to 16 as `nix-store -r` does. */
export type Mode = 'copy' | 'realise'

/**
 * Past narwhal; through one that has none of the closure; through the same one again, as a new
 * client; and once more when it has packed the NARs anew.
 */
export type Way = 'direct' | 'cold' | 'warm' | 'recompressed'

export interface Run extends Tally {
  readonly mode: Mode
  readonly way: Way
  /** Requests that reached the upstream during the run. */
  readonly upstreamRequests: number
  /** NARs that narwhal had, or was fetching, before the client asked for them. */
  readonly narsAhead: number
}

export interface DemoReport {
  readonly delayMs: number
  /** What the line to the upstream carries, and the one between narwhal and its clients. */
  readonly upstreamBytesPerSecond: number
  readonly clientBytesPerSecond: number
  readonly paths: number
  /** Bytes of all NARs of one closure, unpacked. */
  readonly narBytes: number
  readonly runs: readonly Run[]
  readonly recompressed: Readonly<Record<Mode, Recompressed>>
}

export interface DemoOptions {
  readonly paths: number
  /** The upstream's wait before each answer. */
  readonly delayMs: number
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

export const parallelNars: Readonly<Record<Mode, number>> = { copy: 1, realise: 16 }

const titles: Readonly<Record<Mode, string>> = {
  copy: 'like nix copy',
  realise: 'like nix-store -r',
}

/** As many homes have them: 100 Mbit/s to the world, and 200 Mbit/s of wireless network. */
const upstreamBytesPerSecond = 100e6 / 8
const clientBytesPerSecond = 200e6 / 8
const bytesPerPath = 400 * KiB
const statusMs = 10_000

/** Makes closures, serves them from afar, and substitutes them every way; leaves nothing behind. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { delayMs, signal } = options
  const directory = await mkdtemp(join(tmpdir(), 'narwhal-demo-'))
  try {
    options.onProgress(`making two signed closures of ${options.paths} store paths`)
    const upstreamDirectory = join(directory, 'upstream')
    const secretKey = generateSecretKey('narwhal-demo-1')
    const closures = await makeClosures(upstreamDirectory, secretKey, options.paths)
    const { publicKey, infos } = closures.copy
    const configFile = join(directory, 'narwhal.toml')
    // At first narwhal keeps what it gets as it is: packing anew has a run of its own.
    await writeConfig(configFile, false)
    const line = new Line(upstreamBytesPerSecond)
    await using upstream = await startUpstream(upstreamDirectory, { delayMs, line })
    await using proxy = await startProxy({
      ...{ dataDir: join(directory, 'narwhal'), configFile },
      ...{ upstreamUrl: upstream.url, trustedKey: publicKey },
    })
    await using relay = await startRelay(proxy.url, new Line(clientBytesPerSecond))
    const stage: Stage = { upstream, proxy, relay, configFile, options }
    const runs: Run[] = []
    const recompressed: Partial<Record<Mode, Recompressed>> = {}
    for (const mode of ['copy', 'realise'] as const) {
      signal.throwIfAborted()
      const seen = await runMode(mode, closures[mode], stage).catch((error: unknown) => {
        // A demo that fails has found something: the server's own words come before it.
        if (!signal.aborted && proxy.said() !== '') options.onProgress(proxy.said().trimEnd())
        throw error
      })
      runs.push(...seen.runs)
      recompressed[mode] = seen.recompressed
    }
    const narBytes = infos.reduce((sum, info) => sum + info.narSize, 0)
    return {
      ...{ delayMs, upstreamBytesPerSecond, clientBytesPerSecond, narBytes, runs },
      ...{ paths: infos.length, recompressed: recompressed as Record<Mode, Recompressed> },
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** One closure for each mode, so that each is cold once in front of a narwhal that has run a while. */
async function makeClosures(
  directory: string,
  secretKey: SecretKey,
  paths: number,
): Promise<Record<Mode, Closure>> {
  const make = (seed: number) =>
    writeClosure({
      ...{ directory, secretKey, paths, seed, totalBytes: paths * bytesPerPath },
      // What node:zlib packs is packed well already; it knows no xz.
      compression: 'none',
    })
  return { copy: await make(1), realise: await make(2) }
}

interface Stage {
  readonly upstream: DemoUpstream
  readonly proxy: ProxyProcess
  /** The way of the clients to narwhal. */
  readonly relay: Relay
  readonly configFile: string
  readonly options: DemoOptions
}

async function runMode(
  mode: Mode,
  closure: Closure,
  { upstream, proxy, relay, configFile, options }: Stage,
): Promise<{ readonly runs: readonly Run[]; readonly recompressed: Recompressed }> {
  const { signal, onProgress } = options
  const status = () => readStatus(proxy)
  const run = async (way: Way): Promise<Run> => {
    signal.throwIfAborted()
    onProgress(`${titles[mode]}, ${way}`)
    const before = { requests: upstream.requests(), used: (await status()).prefetch.nar.used }
    const tally = await substituteClosure({
      url: way === 'direct' ? upstream.url : relay.url,
      root: closure.root.hash,
      trusted: keyRing([closure.publicKey]),
      parallelNars: parallelNars[mode],
      signal,
    })
    const upstreamRequests = upstream.requests() - before.requests
    const narsAhead = (await status()).prefetch.nar.used - before.used
    return { mode, way, ...tally, upstreamRequests, narsAhead }
  }
  const runs = [await run('direct'), await run('cold'), await run('warm')]
  onProgress(`${titles[mode]}: narwhal packs the NARs with zstd`)
  const recompressed = await recompressAll({ pid: proxy.pid, configFile, status }, signal)
  if (recompressed.unfinishedBecause === undefined) runs.push(await run('recompressed'))
  return { runs, recompressed }
}

async function readStatus({ url }: ProxyProcess): Promise<ShownStatus> {
  return (await fetchStatus(new URL(url), statusMs)).report
}
