import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type FigureKey, figures } from '../../src/cli/bench/measurements.ts'
import { runBench } from '../../src/cli/bench/run.ts'
import { substituteClosure } from '../../src/cli/demo/client.ts'
import { type Closure, writeClosure } from '../../src/cli/demo/closure.ts'
import { type ProxyProcess, startProxy } from '../../src/cli/demo/proxy.ts'
import { writeConfig } from '../../src/cli/demo/recompression.ts'
import { fetchStatus } from '../../src/cli/status/fetch-status.ts'
import { generateSecretKey, keyRing } from '../../src/nix/signature.ts'
import { MiB } from '../../src/units.ts'
import { machineCpuSeconds } from '../closure/machine-cpu.ts'
import { cpuSecondsOf } from '../server.ts'
import { addXzNars } from './xz-cache.ts'

export interface TruthOptions {
  readonly directory: string
  readonly rounds: number
  readonly seconds: number
  readonly narBytes: number
  readonly xzNars: number
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

/** What a real narwhal did. */
export interface Truth {
  /** Medians of `narwhal bench`. */
  readonly bench: Readonly<Partial<Record<FigureKey, number>>>
  /** xz read a second, while it was packed anew; undefined when that did not come about. */
  readonly recompressBytesPerSecond: number | undefined
  /** Of that xz: its size as a share of what it unpacks to. */
  readonly xzPackedShare: number
  /** Cores that anything else kept busy while it recompressed. */
  readonly otherCores: number
  readonly notes: readonly string[]
}

const patienceMs = 40_000
const pollMs = 50
/** More for others spoils the figures. */
export const busyCores = 0.2

/** Starts a narwhal, fills it, and measures it as `narwhal bench` does; then lets it recompress. */
export async function measureTruth(options: TruthOptions): Promise<Truth> {
  const root = await mkdtemp(join(options.directory, 'narwhal-predictions-'))
  try {
    return await measureIn(root, options)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function measureIn(root: string, options: TruthOptions): Promise<Truth> {
  const { signal, onProgress } = options
  onProgress('writing a cache')
  const directory = join(root, 'upstream')
  const secretKey = generateSecretKey('predictions-1')
  const small = await writeClosure({ directory, secretKey, paths: 200, totalBytes: 4 * MiB })
  const big = await writeClosure({
    ...{ directory, secretKey, seed: 2, paths: 1 },
    ...{ totalBytes: options.narBytes, compression: 'none' },
  })
  const xz = await addXzNars(directory, secretKey, options.xzNars)
  const configFile = join(root, 'narwhal.toml')
  const start = (dataDir: string) =>
    startProxy({
      dataDir: join(root, dataDir),
      upstreamUrl: pathToFileURL(directory).href,
      trustedKey: small.publicKey,
      configFile,
      nodeFlags: ['--max-semi-space-size=4'],
    })
  await writeConfig(configFile, false)
  const bench = await measureServing(start, { closures: [small, big], ...options })
  onProgress('recompressing')
  // One of its own: what was served above would be packed anew too.
  await using proxy = await start('recompressing')
  for (const { storePath, url } of xz.infos)
    for (const path of [`${storePath.hash}.narinfo`, url]) {
      const response = await fetch(`${proxy.url}/${path}`, { signal })
      if (!response.ok) throw new Error(`${path}: status ${response.status}`)
      await response.arrayBuffer()
    }
  await writeConfig(configFile, true)
  process.kill(proxy.pid, 'SIGHUP')
  const used = () => cpuSecondsOf(proxy.pid) + process.cpuUsage().user / 1e6
  const before = { all: machineCpuSeconds(), own: used(), ms: performance.now() }
  const { bytesPerSecond, notes } = await watchRecompression(proxy.url, xz.infos.length, signal)
  const others = machineCpuSeconds() - before.all - (used() - before.own)
  const otherCores = (others * 1000) / (performance.now() - before.ms)
  if (otherCores > busyCores)
    notes.push(
      `Other work took ${otherCores.toFixed(1)} cores while it recompressed, in a thread that steps back.`,
    )
  const xzPackedShare = xz.packedBytes / xz.unpackedBytes
  return { bench, recompressBytesPerSecond: bytesPerSecond, xzPackedShare, otherCores, notes }
}

/** Fills a narwhal and measures it as `narwhal bench` does. */
async function measureServing(
  start: (dataDir: string) => Promise<ProxyProcess>,
  options: TruthOptions & { readonly closures: readonly Closure[] },
): Promise<Truth['bench']> {
  const { closures, rounds, seconds, signal, onProgress } = options
  onProgress('filling narwhal')
  await using proxy = await start('serving')
  for (const { root, publicKey } of closures) {
    const trusted = keyRing([publicKey])
    await substituteClosure({ url: proxy.url, root: root.hash, trusted, parallelNars: 16, signal })
  }
  const report = await runBench({
    urls: [new URL(proxy.url)],
    named: closures.map(({ root }) => root.hash),
    candidates: [],
    ...{ rounds, seconds, signal, maxBytes: undefined },
    userAgent: 'narwhal-bench',
    onProgress,
  })
  const spreads = report.caches[0]?.figures ?? {}
  const medians = figures.flatMap(({ key }) => {
    const spread = spreads[key]
    return spread === undefined ? [] : [[key, spread.median] as const]
  })
  return Object.fromEntries(medians)
}

/**
 * Looks on until all is done. The first NAR does not count: the thread has to be started and its code
 * compiled; nor does the time in which narwhal paused.
 */
async function watchRecompression(url: string, nars: number, signal: AbortSignal) {
  const notes = new Set<string>()
  const start = performance.now()
  let first: number | undefined
  let last = start
  let workingMs = 0
  for (;;) {
    await delay(pollMs, undefined, { signal })
    const { recompress } = (await fetchStatus(new URL(url), 5_000)).report
    const now = performance.now()
    if (first !== undefined && recompress.pausedBecause === '') workingMs += now - last
    else if (first !== undefined) notes.add(`Recompression paused: ${recompress.pausedBecause}.`)
    if (recompress.done > 0) first ??= recompress.bytesBefore
    last = now
    if (recompress.done < nars && now - start < patienceMs) continue
    if (recompress.done < nars) notes.add(`${recompress.done} of ${nars} NARs were recompressed.`)
    const bytes = recompress.bytesBefore - (first ?? recompress.bytesBefore)
    return {
      bytesPerSecond: bytes === 0 ? undefined : (bytes * 1000) / workingMs,
      notes: [...notes],
    }
  }
}
