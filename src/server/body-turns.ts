import { KiB } from '../units.ts'

/**
 * Shares the turns of the event loop among bodies: those that come after a turn's bytes are spent
 * wait for the next one, in the order they came.
 *
 * What hundreds of streams have ready at once would otherwise be written in one turn of tens of
 * milliseconds. Everybody else then waits for turn after turn: libuv accepts one connection in each.
 */
export class BodyTurns {
  readonly #turnBytes: number
  #leftBytes: number
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = []
  #isTurnAwaited = false

  /** @param turnBytes what is written in one turn; the last body of a turn may go beyond it */
  constructor(turnBytes: number) {
    this.#turnBytes = turnBytes
    this.#leftBytes = turnBytes
  }

  /** Waits until so many bytes may be handed to the kernel. */
  async take(bytes: number): Promise<void> {
    if (this.#leftBytes > 0 && this.#waiting.length === 0) this.#spend(bytes)
    else await new Promise<void>((go) => this.#waiting.push({ bytes, go }))
  }

  #spend(bytes: number): void {
    this.#leftBytes -= bytes
    if (this.#isTurnAwaited) return
    this.#isTurnAwaited = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isTurnAwaited = false
    this.#leftBytes = this.#turnBytes
    while (this.#leftBytes > 0) {
      const next = this.#waiting.shift()
      if (!next) break
      this.#spend(next.bytes)
      next.go()
    }
  }
}

/**
 * Those of this process: a turn is one write of a large buffer, a third of a millisecond. Smaller
 * turns answer others no sooner, and these cost no throughput (measured with 1 to 100 readers).
 */
export const bodyTurns = new BodyTurns(256 * KiB)
