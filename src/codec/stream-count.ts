import { damaged } from './damage.ts'

/** Who packs in many streams or blocks, for many threads, puts 16 KiB into each at least. */
const leastBytes = 1024
const alwaysAllowed = 1000

/**
 * Counts the streams and blocks of one file. Each costs a decoder its beginning, so a file of very
 * many that hold next to nothing would keep a thread busy for hours before its first byte too many.
 */
export class StreamCount {
  readonly #format: string
  #count = 0
  #bytes = 0

  /** @param format the compression's name, for the error */
  constructor(format: string) {
    this.#format = format
  }

  /** @throws AppError CORRUPT when there are too many for what they held so far */
  begin(): void {
    this.#count += 1
    if (this.#count > alwaysAllowed + this.#bytes / leastBytes)
      throw damaged(this.#format, `it has ${this.#count} streams that hold next to nothing`)
  }

  /** Notes bytes that were unpacked. */
  unpacked(bytes: number): void {
    this.#bytes += bytes
  }
}
