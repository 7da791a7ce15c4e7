/** Bits out of bytes, highest bit first, as bzip2 packs them. Past the end it yields zeros. */
export class BitReader {
  readonly #bytes: Uint8Array
  #at = 0
  #held = 0
  #count = 0

  /** @param skipBits how many bits to leave out at the start, fewer than 8 */
  constructor(bytes: Uint8Array, skipBits: number) {
    this.#bytes = bytes
    this.take(skipBits)
  }

  /** Bits consumed, those left out included. */
  get position(): number {
    return this.#at * 8 - this.#count
  }

  /** True when more was consumed than there was. */
  get isOverrun(): boolean {
    return this.position > this.#bytes.length * 8
  }

  /** The next `bits` bits, at most 24, without consuming them. */
  peek(bits: number): number {
    while (this.#count < bits) {
      this.#held = (this.#held << 8) | ((this.#bytes[this.#at++] as number) | 0)
      this.#count += 8
    }
    return (this.#held >>> (this.#count - bits)) & ((1 << bits) - 1)
  }

  /** Consumes bits that were peeked at. */
  skip(bits: number): void {
    this.#count -= bits
  }

  /** Consumes and returns the next `bits` bits, at most 24. */
  take(bits: number): number {
    const value = this.peek(bits)
    this.#count -= bits
    return value
  }
}
