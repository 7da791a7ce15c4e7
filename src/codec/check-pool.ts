import { AppError } from '../errors.ts'
import type { CheckWork } from './check-messages.ts'
import { chooseNext } from './check-slots.ts'
import { CheckThread, type CheckThreadOptions } from './check-thread.ts'
import { type CheckQueue, QueuedCheck, type QueuedCheckOptions } from './queued-check.ts'
import { canUnpack } from './unpack.ts'

export interface CheckPoolOptions extends CheckThreadOptions {
  /** threads, each started when first needed */
  readonly workers: number
  /** how many unpack at the same time; the last is kept for complete files */
  readonly maxConcurrent: number
}

/** Threads that unpack NARs, and the queue before them. */
export interface CheckPool {
  /**
   * Puts a NAR in the queue.
   *
   * @param onPacked takes the packed bytes, where the work asks for them
   * @param options isAhead for what no client waits for: it has a slot of its own in each thread, and
   *   may stand still there; givesAway for one whose fed bytes nobody else has
   * @throws AppError UNVERIFIABLE when the compression is unknown here; CHECK_FAILED when closed
   */
  begin(
    work: CheckWork,
    onPacked?: (chunk: Uint8Array<ArrayBuffer>) => void,
    options?: QueuedCheckOptions,
  ): QueuedCheck
  /** How many are in it, at work or waiting. */
  readonly load: number
  /** Ends the threads and cancels everything. Idempotent. */
  close(): Promise<void>
}

export function startCheckPool(options: CheckPoolOptions): CheckPool {
  const { workers, maxConcurrent } = options
  const threads = Array.from({ length: workers }, () => new CheckThread(options))
  const waiting = new Set<QueuedCheck>()
  const running = new Map<QueuedCheck, CheckThread>()
  let nextId = 0
  let isClosed = false

  function choose(): QueuedCheck | undefined {
    const those = (checks: Iterable<QueuedCheck>, ahead: boolean) =>
      [...checks].filter(({ isAhead }) => isAhead === ahead)
    const next = chooseNext(those(waiting, false), those(running.keys(), false), maxConcurrent)
    if (next) return next
    const [ahead] = those(waiting, true)
    return those(running.keys(), true).length < workers ? ahead : undefined
  }

  function startWaiting(): void {
    for (;;) {
      const next = isClosed ? undefined : choose()
      if (!next) return
      const thread = threads.reduce((least, other) => (other.load < least.load ? other : least))
      waiting.delete(next)
      running.set(next, thread)
      thread.start(next)
    }
  }

  const queue: CheckQueue = {
    progressed(check, isNews) {
      running.get(check)?.advance(check.id)
      if (isNews) startWaiting()
    },
    taken(check, bytes) {
      running.get(check)?.taken(check.id, bytes)
    },
    left(check) {
      running.get(check)?.cancel(check.id)
      running.delete(check)
      waiting.delete(check)
      startWaiting()
    },
  }

  return {
    begin(work, onPacked = () => {}, options = {}) {
      if (isClosed) throw new AppError('CHECK_FAILED', 'the threads that check NARs are closed')
      if (!canUnpack(work.compression))
        throw new AppError('UNVERIFIABLE', `narwhal cannot unpack ${work.compression}`)
      const check = new QueuedCheck(nextId++, work, { queue, onPacked }, options)
      waiting.add(check)
      return check
    },
    get load() {
      return waiting.size + running.size
    },
    async close() {
      isClosed = true
      for (const check of [...waiting, ...running.keys()]) check.cancel()
      await Promise.all(threads.map((thread) => thread.close()))
    },
  }
}
