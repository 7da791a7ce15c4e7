import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { FillOrder, FillResult } from './fill-index.ts'
import type { Layout } from './layout.ts'

/** The program of the threads: beside this file, as .ts in a checkout and .js when built. */
const fillWorker = new URL(`./fill-worker${extname(import.meta.url)}`, import.meta.url)

/** They hold little at a time, and much of what they read is soon garbage. */
const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 }

/** Threads that read: with a second one a cold disk is twice as fast; each costs some 15 MB. */
const shares = 2

/** An index made of `cache/`, how much is in it, and how long that took. */
export interface FilledIndex extends FillResult {
  readonly path: string
  readonly scanMs: number
  readonly sortMs: number
}

/**
 * Makes an index of `cache/` in threads of their own, while requests are served, and does `work`
 * with it. Nothing of it is left behind.
 *
 * @throws a thread's error; the signal's reason when it aborts
 */
export async function withFilledIndex<T>(
  { cache, nars, temporary }: Layout,
  signal: AbortSignal,
  work: (filled: FilledIndex) => Promise<T>,
): Promise<T> {
  const path = join(temporary, 'index.sqlite')
  const scans = Array.from({ length: shares }, (_, share) => `${path}-scan-${share}`)
  const remove = async () => {
    for (const name of [path, ...scans]) await rm(name, { force: true })
  }
  await remove()
  try {
    const began = performance.now()
    const shared = { cache, nars, shares, now: Date.now() }
    await Promise.all(
      scans.map((scan, share) => obey({ kind: 'scan', path: scan, share, ...shared }, signal)),
    )
    const scanned = performance.now()
    const counts = (await obey({ kind: 'sort', path, scans, temporary }, signal)) as FillResult
    const [scanMs, sortMs] = [scanned - began, performance.now() - scanned].map(Math.round)
    return await work({ ...counts, path, scanMs: scanMs ?? 0, sortMs: sortMs ?? 0 })
  } finally {
    await remove()
  }
}

/** Has a thread do one thing. */
async function obey(order: FillOrder, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted()
  const worker = new Worker(fillWorker, { workerData: order, resourceLimits })
  const ended = new AbortController()
  try {
    const either = { signal: AbortSignal.any([signal, ended.signal]) }
    worker.once('exit', () => ended.abort(new Error('the thread ended without an answer')))
    const [answer] = await once(worker, 'message', either)
    return answer
  } finally {
    await worker.terminate()
  }
}
