import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { substituteClosure } from '../src/cli/demo/client.ts'
import { type Closure, writeClosure } from '../src/cli/demo/closure.ts'
import { messageOf } from '../src/errors.ts'
import { generateSecretKey, keyRing } from '../src/nix/signature.ts'
import { MiB } from '../src/units.ts'
import { measurements, type Workload } from './measurements.ts'
import { startNarwhal } from './narwhal.ts'
import { startNginx } from './nginx.ts'
import type { Series } from './series.ts'
import { type BenchServer, peakBytesOf, residentBytesOf } from './server.ts'

export interface ContestOptions {
  /** Where the caches go while it runs; best in memory. */
  readonly directory: string
  readonly rounds: number
  /** Length of one measurement, in seconds. */
  readonly seconds: number
  /** Size of the NAR that throughput is measured with. */
  readonly narBytes: number
  readonly profileDirectory?: string
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

/**
 * Sets nginx and narwhal the same tasks over the same files, in turn, after one round that does
 * not count; who goes first changes from round to round. nginx serves the directory and is narwhal's upstream too; narwhal has fetched and
 * checked everything before, so from the first round on it works from its own memory and disk.
 */
export async function runContest(options: ContestOptions): Promise<Series[]> {
  return withCaches(options, async (caches) => {
    await using nginx = await startNginx(caches.root, join(caches.directory, 'nginx'))
    const proxyOptions = await fillNarwhal(caches, nginx.url, options)
    await using narwhal = await startNarwhal(proxyOptions, options.profileDirectory)
    const servers = [nginx, narwhal] as const

    const idleTarget = { of: 'itself', is: 'at most', value: 120 } as const
    const idle = memory({ title: 'memory, idle', target: idleTarget }, residentBytesOf, servers)
    const timed = await takeRounds(servers, caches.workload, options)
    return [...timed, idle, memory({ title: 'memory, peak' }, peakBytesOf, servers)]
  })
}

/** A binary cache to be served, and what is asked of who serves it. */
export interface Caches {
  /** For the servers' own files; gone afterwards. */
  readonly directory: string
  /** Of the cache. */
  readonly root: string
  readonly small: Closure
  readonly big: Closure
  readonly workload: Workload
}

/** Writes the caches, lets them be used, and removes them. */
export async function withCaches<T>(
  options: Pick<ContestOptions, 'directory' | 'narBytes' | 'seconds' | 'onProgress'>,
  use: (caches: Caches) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(options.directory, 'narwhal-bench-'))
  try {
    options.onProgress('writing the caches')
    return await use(await writeCaches(directory, options))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function writeCaches(
  directory: string,
  options: Pick<ContestOptions, 'narBytes' | 'seconds'>,
): Promise<Caches> {
  const root = join(directory, 'upstream')
  const secretKey = generateSecretKey('narwhal-bench-1')
  const small = await writeClosure({ directory: root, secretKey, paths: 200, totalBytes: 4 * MiB })
  const big = await writeClosure({
    ...{ directory: root, secretKey, seed: 2, paths: 1 },
    ...{ totalBytes: options.narBytes, compression: 'none' },
  })
  const workload: Workload = {
    narinfoPaths: small.infos.map((info) => `/${info.storePath.hash}.narinfo`),
    narPath: `/${big.infos[0]?.url}`,
    seconds: options.seconds,
  }

  return { directory, root, small, big, workload }
}

/**
 * Lets narwhal fetch and check both caches.
 *
 * @returns what to start it with afterwards
 */
export async function fillNarwhal(
  { directory, small, big }: Caches,
  upstreamUrl: string,
  { onProgress }: Pick<ContestOptions, 'onProgress'>,
): Promise<Parameters<typeof startNarwhal>[0]> {
  const proxyOptions = {
    dataDir: join(directory, 'narwhal'),
    upstreamUrl,
    trustedKey: small.publicKey,
  }
  onProgress('filling narwhal')
  await fill(proxyOptions, [small, big])
  return proxyOptions
}

/** In a process of its own: what is measured afterwards has just started, on a warm disk. */
async function fill(
  options: Parameters<typeof startNarwhal>[0],
  closures: readonly Closure[],
): Promise<void> {
  await using narwhal = await startNarwhal(options)
  for (const closure of closures)
    await substituteClosure({
      url: narwhal.url,
      root: closure.root.hash,
      trusted: keyRing([closure.publicKey]),
      parallelNars: 16,
    })
}

async function takeRounds(
  servers: readonly [BenchServer, BenchServer],
  workload: Workload,
  { rounds, signal, onProgress }: ContestOptions,
): Promise<Series[]> {
  const figures = measurements.map(({ measure: _, ...named }) => ({
    ...named,
    nginx: [] as number[],
    narwhal: [] as number[],
  }))
  for (let round = 0; round <= rounds; round++) {
    onProgress(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
    const turn = round % 2 === 0 ? servers : servers.toReversed()
    for (const [place, { measure }] of measurements.entries())
      for (const server of turn) {
        signal.throwIfAborted()
        const figure = await measure(server, workload).catch((cause: unknown) => {
          throw new Error(`${server.name} failed: ${messageOf(cause)}\n${server.said()}`, { cause })
        })
        if (round > 0) figures[place]?.[server.name].push(figure)
      }
  }
  return figures
}

/** What both hold in memory, as one figure each. */
function memory(
  named: Pick<Series, 'title' | 'target'>,
  bytesOf: (pid: number) => number,
  [nginx, narwhal]: readonly [BenchServer, BenchServer],
): Series {
  const mebibytes = (server: BenchServer) => [bytesOf(server.pid) / MiB]
  return { ...named, unit: 'MiB', nginx: mebibytes(nginx), narwhal: mebibytes(narwhal) }
}
