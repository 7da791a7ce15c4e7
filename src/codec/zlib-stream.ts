import type { Transform } from 'node:stream'
import { type AppError, messageOf } from '../errors.ts'

/** A transform of node:zlib; `bytesWritten` are the bytes it consumed, not those it was given. */
export type ZlibTransform = Transform & { readonly bytesWritten: number }

/** One stream of gzip, brotli or zstd, unpacked or packed by node:zlib one write at a time. */
export class ZlibStream {
  readonly #transform: ZlibTransform
  readonly #fault: (reason: string) => AppError
  #given = 0
  #wake = () => {}

  /** @param fault makes the error to throw of what node:zlib says is wrong */
  constructor(transform: ZlibTransform, fault: (reason: string) => AppError) {
    this.#transform = transform
    this.#fault = fault
    for (const event of ['readable', 'end', 'error']) transform.on(event, () => this.#wake())
  }

  /** True once a packed stream said that it ends, or the last of what it became was read. */
  get isEnded(): boolean {
    return this.#transform.readableEnded
  }

  /** How many of the bytes given lie behind the end of the stream. */
  get bytesBehindEnd(): number {
    return this.#given - this.#transform.bytesWritten
  }

  /**
   * Gives it bytes, which must stay as they are until the generator is done.
   *
   * @throws AppError as `fault` makes it
   */
  async *give(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
    let isTaken = false
    this.#given += bytes.length
    this.#transform.write(bytes, () => {
      isTaken = true
      this.#wake()
    })
    // A stream that leaves bytes behind its end says so after it has taken the write.
    yield* this.#drain(() => this.isEnded || (isTaken && this.bytesBehindEnd === 0))
  }

  /**
   * Says that there is no more.
   *
   * @throws AppError as `fault` makes it, when a packed stream was not yet at its end
   */
  async *finish(): AsyncGenerator<Uint8Array, void> {
    this.#transform.end()
    yield* this.#drain(() => this.isEnded)
  }

  destroy(): void {
    this.#transform.destroy()
  }

  async *#drain(isDone: () => boolean): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const piece: Uint8Array | null = this.#transform.read()
      if (this.#transform.errored) throw this.#fault(messageOf(this.#transform.errored))
      if (piece !== null) yield piece
      else if (isDone()) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}
