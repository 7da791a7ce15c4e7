import { readdir, readlink } from 'node:fs/promises'
import { expect } from 'vitest'
import { formatSize, MiB } from '../../src/units.ts'
import { type AuditOptions, auditDataDir, lies } from './audit-data-dir.ts'
import { hotHitsDuring } from './hot-hits.ts'
import type { NarwhalProcess } from './narwhal-process.ts'
import type { RawResponse } from './raw-http.ts'

/** How long after a fault everything must be as it was before. */
const calmWithinMs = 10_000
const mayGrowBytes = 20 * MiB
const maxHotHitMs = 50
/** What a turn of the event loop may take, in each of which one new client is accepted. */
const maxTurnMsPerClient = 2
/** How much more a machine's moods cost a busy server than a bare one. */
const noiseFactor = 10

/**
 * Oracle A: what ended cleanly as 200 or 206 is the origin's, byte for byte. Everything else is
 * something a client knows to be no file.
 *
 * @param truth the whole file at the origin
 */
export function expectTruth(response: RawResponse, truth: Buffer): void {
  if (response.end !== 'clean' || (response.status !== 200 && response.status !== 206)) return
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.header('content-range') ?? '')
  const [start, last, total] = range
    ? range.slice(1).map(Number)
    : [0, truth.length - 1, truth.length]
  expect(total, 'oracle A: length of the file').toBe(truth.length)
  expect(response.status, 'oracle A: status that goes with the range').toBe(range ? 206 : 200)
  const part = truth.subarray(start, (last ?? 0) + 1)
  // not the bytes themselves: a failure would print megabytes
  const figures = `${response.status}, ${response.body.length} bytes of ${part.length} from ${start}`
  expect(
    response.body.equals(part),
    `oracle A: what ended cleanly is the origin's (${figures})`,
  ).toBe(true)
}

/** Oracle B: the data directory is without a lie, now or as soon as the last write is done. */
export async function expectSoundDataDir(dataDir: string, options?: AuditOptions): Promise<void> {
  await expect
    .poll(() => auditDataDir(dataDir, options), {
      ...{ timeout: calmWithinMs, interval: 100 },
      message: lies,
    })
    .toEqual([])
}

/**
 * Oracle C for memory over a long time: a line through these figures, taken at even intervals under
 * an even load, rises by no more than so many bytes from the first to the last.
 */
export function expectLevel(held: readonly number[], mayGrowBytes: number): void {
  const middle = (held.length - 1) / 2
  const mean = held.reduce((sum, bytes) => sum + bytes, 0) / held.length
  let rise = 0
  let run = 0
  for (const [at, bytes] of held.entries()) {
    rise += (at - middle) * (bytes - mean)
    run += (at - middle) ** 2
  }
  const grownBytes = (rise / run) * (held.length - 1)
  const inMiB = held.map((bytes) => (bytes / MiB).toFixed(1)).join(' ')
  console.info(`grown by ${(grownBytes / MiB).toFixed(2)} MiB: ${inMiB}`)
  expect(grownBytes, inMiB).toBeLessThanOrEqual(mayGrowBytes)
}

/** What a server holds while nobody asks it anything. */
export interface Baseline {
  readonly descriptors: number
}

export async function baselineOf(narwhal: NarwhalProcess): Promise<Baseline> {
  return { descriptors: (await heldBy(narwhal.pid)).length }
}

/** The other end of connections that may stay open because they are idle. */
export interface Peer {
  readonly connections: number
  /** requests it is still answering */
  readonly busy: number
}

/**
 * Oracle C: within ten seconds nothing is in flight and no descriptor or socket is held that was not
 * held before, idle connections to upstreams excepted.
 */
export async function expectCalm(
  narwhal: NarwhalProcess,
  before: Baseline,
  peers: readonly Peer[],
): Promise<void> {
  const options = { timeout: calmWithinMs, interval: 100 }
  await expect.poll(() => peers.map(({ busy }) => busy), options).toEqual(peers.map(() => 0))
  const surplus = async () => {
    const held = await heldBy(narwhal.pid)
    const idle = peers.reduce((sum, { connections }) => sum + connections, 0)
    return held.length - idle <= before.descriptors ? [] : held
  }
  await expect.poll(surplus, options).toEqual([])
}

/**
 * Oracle C for memory: rounds of a load take no more than rounds of the same load before them. What
 * a leak adds stays; what the garbage collector has not come to yet is in some rounds only.
 *
 * @param warm resident bytes after each round of a warm-up
 * @param later the same after each round since
 */
export function expectNoGrowth(warm: readonly number[], later: readonly number[]): void {
  const grownBytes = Math.min(...later) - Math.max(...warm)
  const figures = [warm, later].map((held) => held.map(formatSize).join(', ')).join(', then ')
  expect(grownBytes, figures).toBeLessThan(mayGrowBytes)
}

export interface QuickHits {
  /** What is asked for; narwhal must have it in memory. */
  readonly path: string
  /**
   * Clients that come at the same moment, where they are hundreds. One event loop accepts them, one
   * in each of its turns, and whoever comes behind them waits for so many turns: two milliseconds are
   * allowed for each. What stands still for longer, or writes for hundreds in one turn, is seen.
   */
  readonly atOnce?: number
}

/**
 * Oracle E: while a load runs, 99 of 100 answers from memory come within 50 ms, and all of them come.
 *
 * Time by the clock would tell as much about the machine as about the server, so what a machine does
 * to any server is taken out. The kernel says how long a thread was ready to run and was not let
 * (schedstat): the waiting of the server's main thread, and of the asking process, does not count.
 * What is left is the server's own: the processor time it spends on other things first, and the
 * system calls it sleeps in. A host that lends its processors elsewhere shows in neither, but in what
 * a bare node:http server beside it takes, measured in the same way at the same moments: ten times
 * that is allowed on top, as a server with work to do is hit that much more often.
 *
 * A question is asked every 10 ms whether or not the one before is answered, so that standing still
 * for long counts for long.
 *
 * @returns what the load does
 */
export async function expectQuickHits<T>(
  narwhal: NarwhalProcess,
  load: () => Promise<T>,
  { path, atOnce = 0 }: QuickHits,
): Promise<T> {
  const { result, count, p99Ms, bareP99Ms, faults } = await hotHitsDuring(narwhal, path, load)
  const allowedMs = maxHotHitMs + atOnce * maxTurnMsPerClient
  const figures = `p99 of ${count} hot hits ${p99Ms.toFixed(1)} ms (bare ${bareP99Ms.toFixed(1)})`
  console.info(figures)
  expect(faults, 'in place of hot hits').toEqual([])
  expect(p99Ms, figures).toBeLessThanOrEqual(allowedMs + bareP99Ms * noiseFactor)
  return result
}

/**
 * Files and sockets of a process, without what its threads wake each other with, and without the
 * index, whose files SQLite opens when it first needs them.
 */
async function heldBy(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`
  const numbers = await readdir(directory)
  const targets = await Promise.all(
    numbers.map((number) => readlink(`${directory}/${number}`).catch(() => '')),
  )
  return targets.filter((target) => /^(\/(?!.*index\.sqlite)|socket:)/.test(target))
}
