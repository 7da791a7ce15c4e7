import { AppError } from '../errors.ts'
import { MiB } from '../units.ts'
import type { CheckWork } from './check-messages.ts'
import type { CheckTask } from './check-thread.ts'
import { cancelled, type FileProgress } from './growing-file.ts'
import type { NarVerdict } from './judge-nar.ts'

/** Whom a check tells what happens to it. */
export interface CheckQueue {
  /** @param isNews true when it may now begin, or let another begin */
  progressed(check: QueuedCheck, isNews: boolean): void
  /** So many of its packed bytes need no room any more. */
  taken(check: QueuedCheck, bytes: number): void
  /** It is settled or cancelled. */
  left(check: QueuedCheck): void
}

/**
 * Fed bytes that one check may hold while it waits for its turn. Enough for most NARs: such a one is
 * complete then, and the last slot is kept for it.
 */
const maxFedBytes = MiB

export interface QueuedCheckOptions {
  /** True when it is done in spare time, and may stand still for as long as there is none. */
  readonly isAhead?: boolean
  /** True when nobody else has the bytes that it is fed. */
  readonly givesAway?: boolean
}

/** A NAR in the queue or in a thread: what is known of its file, and in the end its verdict. */
export class QueuedCheck implements CheckTask {
  readonly id: number
  readonly work: CheckWork
  readonly #queue: CheckQueue
  readonly #onPacked: (chunk: Uint8Array<ArrayBuffer>) => void
  readonly #outcome = Promise.withResolvers<NarVerdict>()
  readonly isAhead: boolean
  readonly givesAway: boolean
  #progress: FileProgress = { bytes: 0, isComplete: false }
  #isHere = false
  #isSettled = false
  #fed: Uint8Array<ArrayBuffer>[] = []
  #fedBytes = 0
  #onTaken = () => {}

  constructor(
    id: number,
    work: CheckWork,
    to: { readonly queue: CheckQueue; readonly onPacked: (chunk: Uint8Array<ArrayBuffer>) => void },
    { isAhead = false, givesAway = false }: QueuedCheckOptions = {},
  ) {
    this.isAhead = isAhead
    this.givesAway = givesAway
    this.id = id
    this.work = work
    this.#queue = to.queue
    this.#onPacked = to.onPacked
    // A fault may come long before anybody asks for the verdict.
    this.#outcome.promise.catch(() => {})
  }

  get progress(): FileProgress {
    return this.#progress
  }

  get isHere(): boolean {
    return this.#isHere
  }

  /** Tells that what is still to be fed is here: its slot will be free again soon. */
  whole(): void {
    if (this.#isSettled || this.#isHere) return
    this.#isHere = true
    this.#queue.progressed(this, true)
  }

  /** Rejects with AppError when something failed that says nothing about the NAR. */
  get verdict(): Promise<NarVerdict> {
    return this.#outcome.promise
  }

  available(bytes: number): void {
    const before = this.#progress
    if (this.#isSettled || before.isComplete || bytes <= before.bytes) return
    this.#progress = { bytes, isComplete: false }
    this.#queue.progressed(this, before.bytes === 0)
  }

  feed(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
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

  takeFed(): Uint8Array<ArrayBuffer> | undefined {
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
    return this.verdict
  }

  packed(chunk: Uint8Array<ArrayBuffer>): void {
    this.#onPacked(chunk)
  }

  /** So many packed bytes need no room any more: the thread may send as many. */
  taken(bytes: number): void {
    this.#queue.taken(this, bytes)
  }

  cancel(): void {
    this.settle(cancelled())
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
