import type { NarBody } from '../nix/source.ts'

/** A body that is being read, of which as much may be taken as is wanted. */
export class OpenBody implements AsyncIterable<Uint8Array> {
  readonly #chunks: AsyncIterator<Uint8Array>
  #untaken: Uint8Array | undefined
  #isClosed = false
  #hasFailed = false

  constructor(chunks: NarBody['chunks']) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** @returns the next bytes, at most `mostBytes`; undefined at the end */
  async take(mostBytes: number): Promise<Uint8Array | undefined> {
    const untaken = this.#untaken
    this.#untaken = undefined
    const chunk = untaken ?? (await this.#next())
    if (!chunk) return undefined
    if (chunk.length <= mostBytes) return chunk
    this.#untaken = chunk.subarray(mostBytes)
    return chunk.subarray(0, mostBytes)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = await this.take(Number.POSITIVE_INFINITY)
      if (!chunk) return
      yield chunk
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#chunks.next()
      return done ? undefined : value
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
  }

  /** Lets go of what lies behind it. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#chunks.return?.()
  }
}
