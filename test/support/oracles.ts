import { readdir, readlink } from 'node:fs/promises'
import { expect } from 'vitest'
import { MiB } from '../../src/units.ts'
import { type AuditOptions, auditDataDir } from './audit-data-dir.ts'
import type { NarwhalProcess } from './narwhal-process.ts'
import type { RawResponse } from './raw-http.ts'

/** How long after a fault everything must be as it was before. */
const calmWithinMs = 10_000
const mayGrowBytes = 20 * MiB

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
  expect(total, 'length of the file').toBe(truth.length)
  expect(response.status, 'status that goes with the range').toBe(range ? 206 : 200)
  const part = truth.subarray(start, (last ?? 0) + 1)
  // not the bytes themselves: a failure would print megabytes
  const figures = `${response.status}, ${response.body.length} bytes of ${part.length} from ${start}`
  expect(response.body.equals(part), `what ended cleanly is the origin's (${figures})`).toBe(true)
}

/** Oracle B: the data directory is without a lie, now or as soon as the last write is done. */
export async function expectSoundDataDir(dataDir: string, options?: AuditOptions): Promise<void> {
  await expect
    .poll(() => auditDataDir(dataDir, options), { timeout: calmWithinMs, interval: 100 })
    .toEqual([])
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
  expect(Math.min(...later) - Math.max(...warm)).toBeLessThan(mayGrowBytes)
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
