import type { AppError } from '../errors.ts'

/** Nobody else has its memory. */
export type PackedChunk = Uint8Array<ArrayBuffer>

/** Chunks that come from one side and are taken, once, on the other. */
export class PackedChunks implements AsyncIterable<PackedChunk> {
  readonly #onTaken: (bytes: number) => void
  readonly #onLeft: () => void
  readonly #chunks: PackedChunk[] = []
  #end: 'good' | AppError | undefined
  #wake = () => {}

  /**
   * @param onTaken called when the taker comes back for more than these bytes
   * @param onLeft called when it takes no more, whether all was taken or not
   */
  constructor(onTaken: (bytes: number) => void, onLeft: () => void) {
    this.#onTaken = onTaken
    this.#onLeft = onLeft
  }

  push(chunk: PackedChunk): void {
    this.#chunks.push(chunk)
    this.#wake()
  }

  /** Nothing will follow. A fault is thrown at once, what was not yet taken is dropped. */
  end(how: 'good' | AppError): void {
    this.#end ??= how
    if (how !== 'good') this.#chunks.length = 0
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PackedChunk, void> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift()
        if (chunk) {
          // Who has taken it may do with its memory what he wants.
          const { length } = chunk
          yield chunk
          this.#onTaken(length)
        } else if (this.#end === 'good') return
        else if (this.#end) throw this.#end
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
      }
    } finally {
      this.#onLeft()
    }
  }
}
