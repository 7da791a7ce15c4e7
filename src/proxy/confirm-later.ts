/** Unpacking takes from the client that has just come, and most ask for one NAR after the other. */
const quietMs = 1_000
/** Where clients never pause, it is checked beside them. */
const patienceMs = 10_000
/** What waits longer than these is checked when it is asked for again, or packed anew. */
const maxWaiting = 32

interface Waiting {
  readonly check: () => Promise<void>
  readonly since: number
}

/** Checks NARs that are kept already, one at a time, once nobody has asked for one for a while. */
export class ConfirmLater {
  readonly #mayBegin: () => boolean
  readonly #waiting = new Map<string, Waiting>()
  #askedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  /** @param mayBegin false while something else goes first */
  constructor(mayBegin: () => boolean) {
    this.#mayBegin = mayBegin
  }

  /** Notes that a client asks for a NAR. */
  asked(): void {
    this.#askedAt = performance.now()
  }

  /** @param check never throws */
  add(file: string, check: () => Promise<void>): void {
    if (this.#waiting.has(file)) return
    this.#waiting.set(file, { check, since: performance.now() })
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size > maxWaiting && oldest !== undefined) this.#waiting.delete(oldest)
    if (!this.#running && this.#timer === undefined) this.#lookIn(quietMs)
  }

  /** Lets go of what waits, and waits for what runs. */
  async stop(): Promise<void> {
    this.#waiting.clear()
    await this.#running
    clearTimeout(this.#timer)
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => this.#next(), ms).unref()
  }

  #next(): void {
    this.#timer = undefined
    const [next] = this.#waiting
    if (!next) return
    const [file, { check, since }] = next
    const now = performance.now()
    const isDue = now - this.#askedAt >= quietMs || now - since >= patienceMs
    if (!isDue || !this.#mayBegin()) {
      this.#lookIn(quietMs)
      return
    }
    this.#waiting.delete(file)
    this.#running = check().finally(() => {
      this.#running = undefined
      this.#lookIn(0)
    })
  }
}
