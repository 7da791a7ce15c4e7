import { evenOdds, RangeEncoder } from './range-encoder.ts'

const literalContextBits = 3
const positionMask = 3
/** lc = 3, lp = 0, pb = 2: what every xz has by default. */
export const lzmaProperties = 93

const shortest = 4
const longest = 273
const hashBits = 16
/** Earlier places looked at for each match: enough that matches are about as long as xz's. */
const depth = 12

/**
 * Packs bytes with LZMA, simply: takes the longest match it finds. That makes about the mix of
 * literals and matches that xz writes, which is all that a decoder's speed depends on.
 */
export class LzmaEncoder {
  readonly #data: Uint8Array
  readonly #heads = new Int32Array(1 << hashBits).fill(-1)
  readonly #before: Int32Array
  readonly #odds = makeOdds()
  #state = 0
  #position = 0
  #lastDistance = 0

  constructor(data: Uint8Array) {
    this.#data = data
    this.#before = new Int32Array(data.length).fill(-1)
  }

  get isDone(): boolean {
    return this.#position >= this.#data.length
  }

  /** Packs on, until either limit is near. @returns how much was packed, into what */
  chunk(maxBytes: number, maxPackedBytes: number): { bytes: number; packed: Uint8Array } {
    const start = this.#position
    const out = new RangeEncoder()
    while (
      !this.isDone &&
      this.#position - start + longest <= maxBytes &&
      // No symbol takes more than some 20 bytes.
      out.length + 32 <= maxPackedBytes
    )
      this.#symbol(out)
    return { bytes: this.#position - start, packed: out.finish() }
  }

  #symbol(out: RangeEncoder): void {
    const { isMatch, isRepeat } = this.#odds
    const at = this.#state * 16 + (this.#position & positionMask)
    const repeated = this.#lengthAt(this.#lastDistance)
    const match = repeated >= shortest ? undefined : this.#search()
    if (repeated >= shortest || (match === undefined && repeated >= 2)) {
      out.bit(isMatch, at, 1)
      out.bit(isRepeat, this.#state, 1)
      this.#repeat(out, repeated)
      this.#advance(repeated)
    } else if (match !== undefined) {
      out.bit(isMatch, at, 1)
      out.bit(isRepeat, this.#state, 0)
      this.#match(out, match)
      this.#advance(match.length)
    } else {
      out.bit(isMatch, at, 0)
      this.#literal(out)
      this.#advance(1)
    }
  }

  #literal(out: RangeEncoder): void {
    const data = this.#data
    const position = this.#position
    const context = position === 0 ? 0 : (data[position - 1] as number) >>> (8 - literalContextBits)
    const byte = data[position] as number
    const { literal } = this.#odds
    const from = context * 0x300
    // After a match, the byte that would have gone on with it says much about this one.
    let matched = this.#state >= 7 ? (data[position - this.#lastDistance - 1] as number) : undefined
    let node = 1
    for (let left = 7; left >= 0; left--) {
      const bit = (byte >>> left) & 1
      if (matched === undefined) out.bit(literal, from + node, bit)
      else {
        const expected = (matched >>> left) & 1
        out.bit(literal, from + ((1 + expected) << 8) + node, bit)
        if (expected !== bit) matched = undefined
      }
      node = (node << 1) | bit
    }
    this.#state = this.#state < 4 ? 0 : this.#state - (this.#state < 10 ? 3 : 6)
  }

  #match(out: RangeEncoder, { distance, length }: Match): void {
    const { slot, special, align } = this.#odds
    this.#state = this.#state < 7 ? 7 : 10
    this.#length(out, this.#odds.matchLength, length)
    const high = 31 - Math.clz32(distance)
    const number = distance < 4 ? distance : (high << 1) | ((distance >>> (high - 1)) & 1)
    out.tree(slot, Math.min(length - 2, 3) * 64, { bits: 6, value: number })
    if (number >= 4) {
      const bits = (number >> 1) - 1
      const base = (2 | (number & 1)) << bits
      const value = distance - base
      if (number < 14) out.reverseTree(special, base - number, { bits, value })
      else {
        out.evenBits(value >>> 4, bits - 4)
        out.reverseTree(align, 0, { bits: 4, value: value & 15 })
      }
    }
    this.#lastDistance = distance
  }

  #repeat(out: RangeEncoder, length: number): void {
    const { isFirst, isLong, repeatLength } = this.#odds
    out.bit(isFirst, this.#state, 0)
    out.bit(isLong, this.#state * 16 + (this.#position & positionMask), 1)
    this.#state = this.#state < 7 ? 8 : 11
    this.#length(out, repeatLength, length)
  }

  #length(out: RangeEncoder, odds: LengthOdds, length: number): void {
    const value = length - 2
    const from = (this.#position & positionMask) * 8
    out.bit(odds.choice, 0, value < 8 ? 0 : 1)
    if (value >= 8) out.bit(odds.choice, 1, value < 16 ? 0 : 1)
    if (value < 8) out.tree(odds.low, from, { bits: 3, value })
    else if (value < 16) out.tree(odds.middle, from, { bits: 3, value: value - 8 })
    else out.tree(odds.high, 0, { bits: 8, value: value - 16 })
  }

  /** How many bytes from here on equal those `distance + 1` before. */
  #lengthAt(distance: number): number {
    const data = this.#data
    const other = this.#position - distance - 1
    if (other < 0) return 0
    const most = Math.min(longest, data.length - this.#position)
    let length = 0
    while (length < most && data[other + length] === data[this.#position + length]) length += 1
    return length
  }

  #search(): Match | undefined {
    let best: Match | undefined
    let place = this.#heads[this.#hash(this.#position)] as number
    for (let tries = 0; place >= 0 && tries < depth; tries++) {
      const distance = this.#position - place - 1
      const length = this.#lengthAt(distance)
      if (length >= shortest && length > (best?.length ?? 0)) best = { distance, length }
      place = this.#before[place] as number
    }
    return best
  }

  #advance(bytes: number): void {
    for (const end = this.#position + bytes; this.#position < end; this.#position++) {
      const hash = this.#hash(this.#position)
      this.#before[this.#position] = this.#heads[hash] as number
      this.#heads[hash] = this.#position
    }
  }

  #hash(at: number): number {
    const data = this.#data
    const word =
      (data[at] as number) |
      ((data[at + 1] ?? 0) << 8) |
      ((data[at + 2] ?? 0) << 16) |
      ((data[at + 3] ?? 0) << 24)
    return Math.imul(word, 0x9e3779b1) >>> (32 - hashBits)
  }
}

interface Match {
  /** One less than how far back it lies. */
  readonly distance: number
  readonly length: number
}

interface LengthOdds {
  readonly choice: Uint16Array
  readonly low: Uint16Array
  readonly middle: Uint16Array
  readonly high: Uint16Array
}

function makeOdds() {
  const odds = (count: number) => new Uint16Array(count).fill(evenOdds)
  const lengthOdds = (): LengthOdds => ({
    choice: odds(2),
    low: odds(4 * 8),
    middle: odds(4 * 8),
    high: odds(256),
  })
  return {
    isMatch: odds(12 * 16),
    isRepeat: odds(12),
    isFirst: odds(12),
    isLong: odds(12 * 16),
    literal: odds(0x300 << literalContextBits),
    slot: odds(4 * 64),
    special: odds(128),
    align: odds(16),
    matchLength: lengthOdds(),
    repeatLength: lengthOdds(),
  }
}
