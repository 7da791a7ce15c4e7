import { setTimeout as delay } from 'node:timers/promises'

/** A pause this short is none: the timer came late. */
const lateMs = 4

/** A line of bounded bandwidth, shared by all who send over it at the same time. */
export class Line {
  readonly bytesPerSecond: number
  #freeAt = Number.NEGATIVE_INFINITY

  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond
  }

  /** Gives bytes on once they have gone over the line. */
  async *carry(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      const now = performance.now()
      const begin = now - this.#freeAt < lateMs ? this.#freeAt : now
      this.#freeAt = begin + (chunk.length / this.bytesPerSecond) * 1000
      if (this.#freeAt > now) await delay(this.#freeAt - now)
      yield chunk
    }
  }
}
