import { AppError } from '../errors.ts'

/** Counts the NARs that are being sent, and turns away what would be too many. */
export class Streams {
  #max: number
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  get running(): number {
    return this.#running
  }

  limit(max: number): void {
    this.#max = max
  }

  /** @throws AppError BUSY when there are too many already */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max)
      throw new AppError('BUSY', `${this.#running} NARs are being sent, as many as may be at once`)
    this.#running += 1
    try {
      return await work()
    } finally {
      this.#running -= 1
    }
  }
}
