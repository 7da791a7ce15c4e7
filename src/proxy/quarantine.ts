const quarantineMs = 60_000
const maxEntries = 10_000

/**
 * Remembers for a minute which upstream sent which NAR file damaged, so that it is not asked again
 * at once, and which files clients hold damaged beginnings of, so that none is given the rest.
 */
export class Quarantine {
  readonly #until = new Map<string, number>()
  readonly #now: () => number

  /** @param now a clock that never jumps, in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Notes that this upstream sent this file damaged. */
  add(upstream: string, file: string): void {
    this.#add(`${upstream}\n${file}`)
  }

  has(upstream: string, file: string): boolean {
    return this.#has(`${upstream}\n${file}`)
  }

  /** Notes that clients were sent bytes of this file that turned out wrong. */
  taint(file: string): void {
    this.#add(file)
  }

  isTainted(file: string): boolean {
    return this.#has(file)
  }

  #add(key: string): void {
    if (this.#until.size >= maxEntries) this.#until.clear()
    this.#until.set(key, this.#now() + quarantineMs)
  }

  #has(key: string): boolean {
    const until = this.#until.get(key)
    if (until === undefined) return false
    if (until > this.#now()) return true
    this.#until.delete(key)
    return false
  }
}
