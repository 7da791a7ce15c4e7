import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { atTestEnd } from './at-test-end.ts'
import type { ProbeResult } from './hot-hit-probe.ts'
import type { NarwhalProcess } from './narwhal-process.ts'

export interface HotHits<T> {
  /** Of the load. */
  readonly result: T
  readonly count: number
  /** The time that 99 of 100 answers took no longer than, in milliseconds. */
  readonly p99Ms: number
  /** The same of a bare server beside it. */
  readonly bareP99Ms: number
  /** What came in place of an answer from memory. */
  readonly faults: readonly string[]
}

/**
 * Asks narwhal for something it has in memory, a hundred times a second, while `load` runs.
 *
 * @param path asked for before, so that it is in memory
 */
export async function hotHitsDuring<T>(
  narwhal: NarwhalProcess,
  path: string,
  load: () => Promise<T>,
): Promise<HotHits<T>> {
  const args = ['probe', `${narwhal.url}${path}`, String(narwhal.pid)]
  // what the test itself is busy with must not look like the server's delay
  const probe = fork(join(import.meta.dirname, 'hot-hit-probe.ts'), args)
  atTestEnd(() => void probe.kill('SIGKILL'))
  await message(probe)
  const result = await load()
  probe.send('stop')
  const [server, bare] = (await message(probe)) as [ProbeResult, ProbeResult]
  return {
    result,
    count: server.times.length,
    p99Ms: p99(server.times),
    bareP99Ms: p99(bare.times),
    faults: server.faults,
  }
}

async function message(probe: ChildProcess): Promise<unknown> {
  const [what] = await once(probe, 'message', { signal: AbortSignal.timeout(120_000) })
  return what
}

function p99(times: readonly number[]): number {
  const ordered = times.toSorted((a, b) => a - b)
  return ordered[Math.ceil(ordered.length * 0.99) - 1] ?? Number.NaN
}
