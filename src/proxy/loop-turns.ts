/**
 * Shares the turns of the event loop: work that comes after a turn's share is spent waits for the
 * next one, in the order it came.
 *
 * What hundreds of streams have ready at once would otherwise be done in one turn of tens of
 * milliseconds. Everybody else then waits for turn after turn: libuv accepts one connection in each,
 * and every step of another request takes one.
 */
export class LoopTurns {
  readonly #share: number
  #left: number
  readonly #waiting: { readonly amount: number; readonly go: () => void }[] = []
  #isTurnAwaited = false

  /** @param share what is done in one turn; the last in a turn may go beyond it */
  constructor(share: number) {
    this.#share = share
    this.#left = share
  }

  /** Waits until so much may be done. */
  async take(amount: number): Promise<void> {
    if (this.#left > 0 && this.#waiting.length === 0) this.#spend(amount)
    else await new Promise<void>((go) => this.#waiting.push({ amount, go }))
  }

  #spend(amount: number): void {
    this.#left -= amount
    if (this.#isTurnAwaited) return
    this.#isTurnAwaited = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isTurnAwaited = false
    this.#left = this.#share
    while (this.#left > 0) {
      const next = this.#waiting.shift()
      if (!next) break
      this.#spend(next.amount)
      next.go()
    }
  }
}
