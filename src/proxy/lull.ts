import pLimit from 'p-limit'

/**
 * So long after the last NAR was asked for or fetched, clients are through with a closure, or unpack
 * one large path on one core.
 */
const quietMs = 200
const lookEveryMs = 50
/** Where clients never pause, it is done beside them. */
const maxWaitMs = 10_000
/** Each that waits holds a descriptor and some memory: beyond these, the oldest goes. */
const maxWaiting = 256
/** Of what has waited: a disk orders what it gets together, and who comes now finds it free. */
const maxAtOnce = 4

interface Waiting {
  readonly since: number
  readonly go: () => void
}

/**
 * Puts off work that no client waits for until clients pause. What it takes of a small machine they
 * would wait for, be it the processor that unpacks, or the disk.
 */
export class Lull {
  /** Oldest first. */
  readonly #waiting = new Set<Waiting>()
  readonly #limit = pLimit(maxAtOnce)
  readonly #idleMs: () => number
  readonly #signal: AbortSignal
  #askedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  /**
   * @param idleMs how long ago a NAR was last being fetched
   * @param signal from its abort on, nothing is put off
   */
  constructor(idleMs: () => number, signal: AbortSignal) {
    this.#idleMs = idleMs
    this.#signal = signal
    signal.addEventListener('abort', () => this.#look(), { once: true })
  }

  /** Notes that a client asks for a NAR. */
  asked(): void {
    this.#askedAt = performance.now()
  }

  /**
   * Does some work in the next lull, or when it has waited long enough.
   *
   * @throws whatever the work throws
   */
  async wait<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#signal.aborted) await this.#turn()
    return this.#limit(work)
  }

  #turn(): Promise<void> {
    return new Promise((go) => {
      const [oldest] = this.#waiting
      if (oldest && this.#waiting.size >= maxWaiting) this.#let(oldest)
      this.#waiting.add({ since: performance.now(), go })
      this.#timer ??= setTimeout(() => this.#look(), lookEveryMs)
    })
  }

  #look(): void {
    clearTimeout(this.#timer)
    const now = performance.now()
    const isLull = this.#signal.aborted || Math.min(this.#idleMs(), now - this.#askedAt) >= quietMs
    for (const waiting of this.#waiting)
      if (isLull || now - waiting.since >= maxWaitMs) this.#let(waiting)
    this.#timer = this.#waiting.size > 0 ? setTimeout(() => this.#look(), lookEveryMs) : undefined
  }

  #let(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    waiting.go()
  }
}
