/** The probability that says nothing yet: one half, in units of 1/2048. */
export const evenOdds = 1024

/**
 * LZMA's range decoder: turns packed bytes into bits, given the odds of each bit.
 *
 * The arithmetic is unsigned 32-bit kept in signed integers, which V8 holds in registers; `>>> 0`
 * marks where the sign would matter. Names and steps are those of lzma-specification.txt in the
 * LZMA SDK. Damage cannot make it fail: reads past the end yield zeros, so look at `position`.
 */
export class RangeDecoder {
  #input: Uint8Array = new Uint8Array(0)
  #range = 0
  #code = 0
  #position = 0
  #odds: Uint16Array

  /** @param odds one probability for each bit of the model; learned from every decoded bit */
  constructor(odds: Uint16Array) {
    this.#odds = odds
  }

  /** Where the next packed byte will be read. */
  get position(): number {
    return this.#position
  }

  /** True when all that was packed has been decoded, to the last bit. */
  get isSpent(): boolean {
    return this.#code === 0
  }

  /** Begins a run at `from`; false when its first byte is not the zero every run begins with. */
  begin(input: Uint8Array, from: number): boolean {
    this.#input = input
    this.#range = -1
    this.#code = 0
    this.#position = from + 1
    for (let i = 0; i < 4; i++) this.#code = (this.#code << 8) | (input[this.#position++] as number)
    return input[from] === 0
  }

  /** Decodes one bit with the odds at `model`, and learns from it. */
  bit(model: number): number {
    const odds = this.#odds[model] as number
    const bound = Math.imul(this.#range >>> 11, odds)
    let range = bound
    let code = this.#code
    let bit = 0
    if (code >>> 0 < bound >>> 0) {
      this.#odds[model] = odds + ((2048 - odds) >> 5)
    } else {
      range = (this.#range - bound) | 0
      code = (code - bound) | 0
      this.#odds[model] = odds - (odds >> 5)
      bit = 1
    }
    if ((range & 0xff000000) === 0) {
      range <<= 8
      code = (code << 8) | (this.#input[this.#position++] as number)
    }
    this.#range = range
    this.#code = code
    return bit
  }

  /** Decodes a number below `size`, a power of two, highest bit first. */
  tree(models: number, size: number): number {
    let node = 1
    while (node < size) node = (node << 1) | this.bit(models + node)
    return node - size
  }

  /** Decodes a number of `bits` bits, lowest bit first. */
  reverseTree(models: number, bits: number): number {
    let node = 1
    let value = 0
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(models + node)
      node = (node << 1) | bit
      value |= bit << i
    }
    return value
  }

  /** Decodes a number of `bits` bits that were packed at even odds. */
  direct(bits: number): number {
    let value = 0
    for (let i = 0; i < bits; i++) {
      let range = this.#range >>> 1
      const rest = (this.#code - range) | 0
      const borrow = rest >> 31
      let code = (rest + (range & borrow)) | 0
      value = (value << 1) + 1 + borrow
      if ((range & 0xff000000) === 0) {
        range <<= 8
        code = (code << 8) | (this.#input[this.#position++] as number)
      }
      this.#range = range
      this.#code = code
    }
    return value
  }
}
