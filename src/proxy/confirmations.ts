/** Unpacking takes from the client that has just come, and most ask for one NAR after the other. */
const quietMs = 1_000
/** Where clients never pause, it is checked beside them. */
const patienceMs = 10_000
/** What waits longer than these is checked when it is asked for again, or packed anew. */
const maxWaiting = 32

type Check = () => Promise<void>

interface Waiting {
  readonly check: Check
  readonly since: number
}

/** Checks NARs that are kept already, beside all requests: each at most once at a time. */
export class Confirmations {
  readonly #mayBegin: () => boolean
  readonly #onFailure: (file: string, error: unknown) => void
  readonly #running = new Map<string, Promise<void>>()
  readonly #waiting = new Map<string, Waiting>()
  #askedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  /**
   * @param mayBegin false while something else goes before what waits
   * @param onFailure told why a check came to no verdict
   */
  constructor(mayBegin: () => boolean, onFailure: (file: string, error: unknown) => void) {
    this.#mayBegin = mayBegin
    this.#onFailure = onFailure
  }

  /** Notes that a client asks for a NAR. */
  asked(): void {
    this.#askedAt = performance.now()
  }

  /** Checks a NAR now, unless it is being checked. */
  async now(file: string, check: Check): Promise<void> {
    const running = this.#running.get(file)
    if (running) return running
    const work = check()
      .catch((error: unknown) => this.#onFailure(file, error))
      .finally(() => this.#running.delete(file))
    this.#running.set(file, work)
    return work
  }

  /** Checks a NAR once nobody has asked for one for a while, one after the other. */
  later(file: string, check: Check): void {
    if (this.#waiting.has(file)) return
    this.#waiting.set(file, { check, since: performance.now() })
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size > maxWaiting && oldest !== undefined) this.#waiting.delete(oldest)
    if (this.#timer === undefined) this.#lookIn(quietMs)
  }

  /** Lets go of what waits, and waits for what runs. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#waiting.clear()
    await Promise.all(this.#running.values())
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => void this.#next(), ms).unref()
  }

  async #next(): Promise<void> {
    const [next] = this.#waiting
    if (next && this.#isTimeFor(next[1])) {
      const [file, { check }] = next
      this.#waiting.delete(file)
      await this.now(file, check)
      this.#lookIn(0)
    } else if (next) this.#lookIn(quietMs)
    else this.#timer = undefined
  }

  #isTimeFor({ since }: Waiting): boolean {
    const now = performance.now()
    return (now - this.#askedAt >= quietMs || now - since >= patienceMs) && this.#mayBegin()
  }
}
