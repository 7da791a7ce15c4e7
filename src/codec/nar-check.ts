import { AppError } from '../errors.ts'
import type { Compression } from '../nix/compression.ts'
import { MiB } from '../units.ts'
import type { NarCheckRequest } from './check-messages.ts'
import { chooseNext } from './check-slots.ts'
import { type CheckTask, CheckThread } from './check-thread.ts'
import type { FileProgress } from './growing-file.ts'
import type { NarVerdict } from './judge-nar.ts'
import { canUnpack } from './unpack.ts'

export type { NarCheckRequest, NarVerdict }

/** A NAR file being held against its narinfo while it is still being written. */
export interface NarCheck {
  /** Tells that the file now holds this many bytes. Cheap; call it as often as bytes arrive. */
  available(bytes: number): void
  /**
   * Takes the bytes that follow, where the file does not hold them: from the first call on, all come
   * this way. `chunk` must not change afterwards.
   *
   * @returns once few enough wait in memory
   */
  feed(chunk: Uint8Array): Promise<void>
  /**
   * Tells that the file is complete at this many bytes.
   *
   * @returns the verdict, which may have been reached before
   * @throws AppError DISK when the file cannot be read; CHECK_FAILED when a thread died, or the
   *   check was cancelled: faults, which say nothing about the NAR
   */
  finish(bytes: number): Promise<NarVerdict>
  /** Stops, and frees what it held; finish() then rejects. Idempotent. */
  cancel(): void
}

/** Unpacks NARs in threads of their own and says whether they are what they should be. */
export interface NarChecker {
  canCheck(compression: Compression): boolean
  /**
   * Begins a check. The file may be absent until available() or finish() is called, and must not
   * shrink or be renamed until the verdict.
   *
   * @throws AppError UNVERIFIABLE when canCheck says no; CHECK_FAILED when closed
   */
  check(request: NarCheckRequest): NarCheck
  /** Ends the threads and cancels all checks. Idempotent. */
  close(): Promise<void>
}

export interface NarCheckerOptions {
  /** threads, each started when first needed */
  readonly workers: number
  /**
   * checks that unpack at the same time, each with a decoder of about 10 MiB for an ordinary xz
   * and 160 MiB at most; 4 for each worker by default. The last is kept for complete files.
   */
  readonly maxConcurrent?: number
  /** the program of the threads, in place of the real one */
  readonly script?: URL
}

export function startNarChecker(options: NarCheckerOptions): NarChecker {
  const { workers, maxConcurrent = 4 * workers } = options
  const threads = Array.from({ length: workers }, () => new CheckThread(options.script))
  const waiting = new Set<QueuedCheck>()
  const running = new Map<QueuedCheck, CheckThread>()
  let nextId = 0
  let isClosed = false

  function startWaiting(): void {
    for (;;) {
      const next = isClosed ? undefined : chooseNext(waiting, running.keys(), maxConcurrent)
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
    left(check) {
      running.get(check)?.cancel(check.id)
      running.delete(check)
      waiting.delete(check)
      startWaiting()
    },
  }

  return {
    canCheck: canUnpack,
    check(request) {
      const { compression } = request
      if (isClosed) throw new AppError('CHECK_FAILED', 'the NAR checker is closed')
      if (!canUnpack(compression))
        throw new AppError('UNVERIFIABLE', `narwhal cannot unpack ${compression}`)
      const check = new QueuedCheck(nextId++, request, queue)
      waiting.add(check)
      return check
    },
    async close() {
      isClosed = true
      for (const check of [...waiting, ...running.keys()]) check.cancel()
      await Promise.all(threads.map((thread) => thread.close()))
    },
  }
}

/** Whom a check tells what happens to it. */
interface CheckQueue {
  /** @param isNews true when it may now begin, or let another begin */
  progressed(check: QueuedCheck, isNews: boolean): void
  /** It is settled or cancelled. */
  left(check: QueuedCheck): void
}

/**
 * Fed bytes that one check may hold while it waits for its turn. Enough for most NARs: such a one is
 * complete then, and the last slot is kept for it.
 */
const maxFedBytes = MiB

class QueuedCheck implements NarCheck, CheckTask {
  readonly id: number
  readonly request: NarCheckRequest
  readonly #queue: CheckQueue
  readonly #outcome = Promise.withResolvers<NarVerdict>()
  #progress: FileProgress = { bytes: 0, isComplete: false }
  #isSettled = false
  #fed: Uint8Array[] = []
  #fedBytes = 0
  #onTaken = () => {}

  constructor(id: number, request: NarCheckRequest, queue: CheckQueue) {
    this.id = id
    this.request = request
    this.#queue = queue
    // A fault may come long before anybody calls finish().
    this.#outcome.promise.catch(() => {})
  }

  get progress(): FileProgress {
    return this.#progress
  }

  available(bytes: number): void {
    const before = this.#progress
    if (this.#isSettled || before.isComplete || bytes <= before.bytes) return
    this.#progress = { bytes, isComplete: false }
    this.#queue.progressed(this, before.bytes === 0)
  }

  feed(chunk: Uint8Array): Promise<void> {
    const { bytes, fileBytes = bytes, isComplete } = this.#progress
    if (this.#isSettled || isComplete || chunk.length === 0) return Promise.resolve()
    this.#fed.push(chunk)
    this.#fedBytes += chunk.length
    this.#progress = { bytes: bytes + chunk.length, isComplete: false, fileBytes }
    this.#queue.progressed(this, bytes === 0)
    if (this.#fedBytes <= maxFedBytes) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onTaken = resolve
    })
  }

  takeFed(): Uint8Array | undefined {
    const chunk = this.#fed.shift()
    this.#fedBytes -= chunk?.length ?? 0
    if (this.#fedBytes <= maxFedBytes) this.#onTaken()
    return chunk
  }

  finish(bytes: number): Promise<NarVerdict> {
    if (!this.#isSettled && !this.#progress.isComplete) {
      this.#progress = { ...this.#progress, bytes, isComplete: true }
      this.#queue.progressed(this, true)
    }
    return this.#outcome.promise
  }

  cancel(): void {
    this.settle(new AppError('CHECK_FAILED', 'the check was cancelled'))
  }

  settle(outcome: NarVerdict | AppError): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#fed = []
    this.#onTaken()
    if (outcome instanceof AppError) this.#outcome.reject(outcome)
    else this.#outcome.resolve(outcome)
    this.#queue.left(this)
  }
}
