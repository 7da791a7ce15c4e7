/**
 * Lets changes to one thing happen one after the other, and changes to different things at once.
 * Who waits inside a turn for another turn of the same thing waits for ever.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Does `work` once all earlier work on `key` has ended, well or not. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const turn = before.then(work, work)
    this.#last.set(key, turn)
    try {
      return await turn
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key)
    }
  }
}
