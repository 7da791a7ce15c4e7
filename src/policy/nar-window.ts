const firstSize = 8
const maxSize = 256
/** Bytes wasted, of all judged lately, from which on a client is better left alone. */
const maxWastedShare = 0.25
const restMs = 600_000
/** Before so many were judged, a share says nothing. */
const leastJudged = 8
/** What lies further back counts half. */
const halveAfter = 256

/**
 * How many NARs may be fetched ahead of one client. As with TCP's window: it grows with each that
 * the client then asks for, and halves with each that it does not.
 */
export class NarWindow {
  #size = firstSize
  #usedBytes = 0
  #wastedBytes = 0
  #judged = 0
  #closedUntil = Number.NEGATIVE_INFINITY

  /** @param now by a clock that never jumps, in milliseconds */
  size(now: number): number {
    return now < this.#closedUntil ? 0 : this.#size
  }

  used(bytes: number): void {
    this.#size = Math.min(maxSize, this.#size + 1)
    this.#usedBytes += bytes
    this.#note()
  }

  wasted(bytes: number, now: number): void {
    this.#size = Math.max(1, Math.floor(this.#size / 2))
    this.#wastedBytes += bytes
    this.#note()
    const allBytes = this.#usedBytes + this.#wastedBytes
    if (this.#judged < leastJudged || this.#wastedBytes <= allBytes * maxWastedShare) return
    this.#closedUntil = now + restMs
    this.#size = firstSize
    this.#usedBytes = 0
    this.#wastedBytes = 0
    this.#judged = 0
  }

  #note(): void {
    this.#judged += 1
    if (this.#judged < halveAfter) return
    this.#judged /= 2
    this.#usedBytes /= 2
    this.#wastedBytes /= 2
  }
}
