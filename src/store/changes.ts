/** Lets any number wait for the next change of something. */
export class Changes {
  readonly #waiting = new Set<() => void>()

  /** Resolves with the next change. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  /** @returns false when nothing changed within so many milliseconds */
  async nextWithin(patienceMs: number): Promise<boolean> {
    const patience = Promise.withResolvers<boolean>()
    const timer = setTimeout(patience.resolve, patienceMs, false)
    const change = this.next().then(() => true)
    try {
      return await Promise.race([change, patience.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  tell(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) resume()
  }
}
