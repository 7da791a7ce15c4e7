const topValue = 2 ** 24
const probabilityBits = 11
const moveBits = 5
/** One half, as all probabilities begin. */
export const evenOdds = 1 << (probabilityBits - 1)

/**
 * The range coder of LZMA, writing: the counterpart of codec/range-decoder.ts, after the LZMA
 * specification by Igor Pavlov.
 */
export class RangeEncoder {
  readonly #bytes: number[] = []
  /** Up to 33 bits: the highest is a carry into bytes that wait. */
  #low = 0
  #range = 0xffffffff
  #cache = 0
  #waiting = 1

  /** Bytes it comes to, once flushed. */
  get length(): number {
    return this.#bytes.length + this.#waiting + 4
  }

  /** Encodes a bit and moves its probability. */
  bit(odds: Uint16Array, at: number, bit: number): void {
    const chance = odds[at] as number
    const bound = (this.#range >>> probabilityBits) * chance
    if (bit === 0) {
      this.#range = bound
      odds[at] = chance + ((2 ** probabilityBits - chance) >> moveBits)
    } else {
      this.#low += bound
      this.#range = (this.#range - bound) >>> 0
      odds[at] = chance - (chance >> moveBits)
    }
    this.#refill()
  }

  /** A value of `bits` bits, the highest first; `odds` are a tree that begins at `from`. */
  tree(odds: Uint16Array, from: number, { bits, value }: { bits: number; value: number }): void {
    let node = 1
    for (let left = bits - 1; left >= 0; left--) {
      const bit = (value >>> left) & 1
      this.bit(odds, from + node, bit)
      node = (node << 1) | bit
    }
  }

  /** The same, the lowest bit first. */
  reverseTree(
    odds: Uint16Array,
    from: number,
    { bits, value }: { bits: number; value: number },
  ): void {
    let node = 1
    for (let at = 0; at < bits; at++) {
      const bit = (value >>> at) & 1
      this.bit(odds, from + node, bit)
      node = (node << 1) | bit
    }
  }

  /** Bits that are as likely 0 as 1. */
  evenBits(value: number, bits: number): void {
    for (let left = bits - 1; left >= 0; left--) {
      this.#range >>>= 1
      if ((value >>> left) & 1) this.#low += this.#range
      this.#refill()
    }
  }

  /** All bytes; nothing can be encoded afterwards. */
  finish(): Uint8Array {
    for (let byte = 0; byte < 5; byte++) this.#shift()
    return Uint8Array.from(this.#bytes)
  }

  #refill(): void {
    while (this.#range < topValue) {
      this.#range = (this.#range << 8) >>> 0
      this.#shift()
    }
  }

  #shift(): void {
    const carry = this.#low >= 2 ** 32 ? 1 : 0
    if (carry === 1 || this.#low < 0xff000000) {
      let byte = this.#cache
      for (; this.#waiting > 0; this.#waiting--) {
        this.#bytes.push((byte + carry) & 0xff)
        byte = 0xff
      }
      this.#cache = (this.#low >>> 24) & 0xff
    }
    this.#waiting += 1
    this.#low = (this.#low & 0x00ffffff) * 256
  }
}
