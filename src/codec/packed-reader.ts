import { damaged } from './damage.ts'

/**
 * Where packed bytes come from: fills the start of `into`, waiting for bytes where need be.
 *
 * @returns how many bytes were filled in; 0 only at the end
 */
export type ReadPacked = (into: Uint8Array) => Promise<number>

/** What one read asks for, in bytes, unless a decoder needs more in one piece. */
export const readBytes = 256 * 1024

/** Packed bytes in pieces of the size a decoder asks for, out of one buffer. */
export class PackedReader {
  readonly #read: ReadPacked
  readonly #format: string
  #buffer = new Uint8Array(readBytes)
  #start = 0
  #end = 0
  #skipped = 0
  #isEnded = false

  /** @param format the compression's name, for the error that says the input ends too early */
  constructor(read: ReadPacked, format: string) {
    this.#read = read
    this.#format = format
  }

  /** Bytes consumed since the beginning. */
  get position(): number {
    return this.#skipped
  }

  /** What is read but not consumed; valid until the next call of this reader. */
  get buffered(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end)
  }

  /** Reads until at least `bytes` are buffered; false when the input ends before. */
  async fill(bytes: number): Promise<boolean> {
    while (this.#end - this.#start < bytes) {
      if (this.#isEnded) return false
      this.#makeRoom(bytes)
      const filled = await this.#read(this.#buffer.subarray(this.#end))
      this.#isEnded = filled === 0
      this.#end += filled
    }
    return true
  }

  /** True when everything is consumed and no more will come. */
  async atEnd(): Promise<boolean> {
    return !(await this.fill(1))
  }

  /** Consumes buffered bytes. */
  skip(bytes: number): void {
    this.#start += bytes
    this.#skipped += bytes
  }

  /**
   * Consumes exactly `bytes`.
   *
   * @returns a view, valid until the next call of this reader
   * @throws AppError CORRUPT when the input ends before
   */
  async take(bytes: number): Promise<Uint8Array> {
    if (!(await this.fill(bytes))) throw damaged(this.#format, 'it ends too early')
    const taken = this.#buffer.subarray(this.#start, this.#start + bytes)
    this.skip(bytes)
    return taken
  }

  #makeRoom(bytes: number): void {
    const kept = this.#end - this.#start
    if (bytes > this.#buffer.length) {
      // With room for more: else what is there would be moved for every few bytes that follow.
      const larger = new Uint8Array(bytes + readBytes)
      larger.set(this.buffered)
      this.#buffer = larger
    } else if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end)
    }
    this.#start = 0
    this.#end = kept
  }
}
