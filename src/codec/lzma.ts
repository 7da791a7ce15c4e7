import { evenOdds, RangeDecoder } from './range-decoder.ts'

/** How a stream models its symbols, each in bits of context. */
export interface LzmaProperties {
  /** of the byte before a literal */
  readonly lc: number
  /** of a literal's position */
  readonly lp: number
  /** of a match's position */
  readonly pb: number
}

/** One run of packed bytes and the place for what it unpacks to. */
export interface LzmaRun {
  /** holds the packed bytes from `from` up to `to` */
  readonly packed: Uint8Array
  readonly from: number
  readonly to: number
  /** holds the history from `oldest` up to `start`, and gets the result from there up to `end` */
  readonly window: Uint8Array
  readonly oldest: number
  readonly start: number
  readonly end: number
  /** bytes unpacked since the dictionary was reset; the models depend on it */
  readonly position: number
  /** no match reaches further back than this */
  readonly dictionaryBytes: number
}

// Where each model lives in the one array of probabilities. States are 12, position states 16;
// the sizes are those of lzma-specification.txt in the LZMA SDK.
const isMatch = 0
const isRep = isMatch + 12 * 16
const isRepG0 = isRep + 12
const isRepG1 = isRepG0 + 12
const isRepG2 = isRepG1 + 12
const isRep0Long = isRepG2 + 12
const distanceSlots = isRep0Long + 12 * 16
const distanceSpecial = distanceSlots + 4 * 64
const distanceAlign = distanceSpecial + 128
const matchLengths = distanceAlign + 16
const lowLengths = 2
const midLengths = lowLengths + 16 * 8
const highLengths = midLengths + 16 * 8
const repLengths = matchLengths + highLengths + 256
const literals = repLengths + highLengths + 256
const modelsPerLiteralContext = 0x300

const minMatchBytes = 2

/**
 * LZMA's models and match history, and the loop that unpacks with them.
 *
 * It unpacks whole runs, as LZMA2 packs them: the packed bytes and the room for the result are
 * both there before it starts, so the loop never stops in the middle of a symbol.
 */
export class LzmaDecoder {
  readonly #properties: LzmaProperties
  readonly #odds: Uint16Array
  readonly #range: RangeDecoder
  #state = 0
  #distances: readonly [number, number, number, number] = [0, 0, 0, 0]

  constructor(properties: LzmaProperties) {
    this.#properties = properties
    const contexts = 1 << (properties.lc + properties.lp)
    this.#odds = new Uint16Array(literals + modelsPerLiteralContext * contexts)
    this.#range = new RangeDecoder(this.#odds)
    this.reset()
  }

  /** Forgets everything learned; the properties stay. */
  reset(): void {
    this.#odds.fill(evenOdds)
    this.#state = 0
    this.#distances = [0, 0, 0, 0]
  }

  /** Unpacks one run; false when it is damaged or does not end exactly at both ends. */
  unpack(run: LzmaRun): boolean {
    const { window, oldest, end, to } = run
    const { lc, lp, pb } = this.#properties
    const positionMask = (1 << pb) - 1
    const literalMask = (1 << lp) - 1
    const skew = (run.position - run.start) | 0
    const range = this.#range
    let state = this.#state
    let [rep0, rep1, rep2, rep3] = this.#distances
    let at = run.start
    if (!range.begin(run.packed, run.from)) return false

    while (at < end) {
      if (range.position > to) return false
      const positionState = (at + skew) & positionMask
      if (range.bit(isMatch + (state << 4) + positionState) === 0) {
        const previous = at > oldest ? (window[at - 1] as number) : 0
        const context = (((at + skew) & literalMask) << lc) + (previous >> (8 - lc))
        const models = literals + modelsPerLiteralContext * context
        // Right after a match the byte that would have continued it is a hint what not to expect.
        const hint = state < 7 ? -1 : (window[at - rep0 - 1] as number)
        window[at++] = this.#literal(models, hint)
        state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6
        continue
      }

      let length = 0
      if (range.bit(isRep + state) === 0) {
        rep3 = rep2
        rep2 = rep1
        rep1 = rep0
        length = this.#length(matchLengths, positionState)
        rep0 = this.#distance(length)
        state = state < 7 ? 7 : 10
      } else {
        if (range.bit(isRepG0 + state) === 1) {
          let distance = rep1
          if (range.bit(isRepG1 + state) === 1) {
            if (range.bit(isRepG2 + state) === 0) distance = rep2
            else {
              distance = rep3
              rep3 = rep2
            }
            rep2 = rep1
          }
          rep1 = rep0
          rep0 = distance
        } else if (range.bit(isRep0Long + (state << 4) + positionState) === 0) {
          length = 1
          state = state < 7 ? 9 : 11
        }
        if (length === 0) {
          length = this.#length(repLengths, positionState)
          state = state < 7 ? 8 : 11
        }
      }

      const until = at + length
      let source = at - rep0 - 1
      if (rep0 < 0 || rep0 >= run.dictionaryBytes || source < oldest || until > end) return false
      // Byte by byte: where source and target overlap, the copy repeats what it has just written.
      while (at < until) window[at++] = window[source++] as number
    }

    this.#state = state
    this.#distances = [rep0, rep1, rep2, rep3]
    return range.position === to && range.isSpent
  }

  #literal(models: number, hint: number): number {
    const range = this.#range
    let symbol = 1
    if (hint >= 0) {
      let match = hint
      let expected = 0
      let bit = 0
      do {
        match <<= 1
        expected = match & 0x100
        bit = range.bit(models + 0x100 + expected + symbol)
        symbol = (symbol << 1) | bit
      } while (symbol < 0x100 && expected === bit << 8)
    }
    while (symbol < 0x100) symbol = (symbol << 1) | range.bit(models + symbol)
    return symbol
  }

  #length(models: number, positionState: number): number {
    const range = this.#range
    const inTree = positionState << 3
    if (range.bit(models) === 0) return minMatchBytes + range.tree(models + lowLengths + inTree, 8)
    if (range.bit(models + 1) === 0)
      return minMatchBytes + 8 + range.tree(models + midLengths + inTree, 8)
    return minMatchBytes + 16 + range.tree(models + highLengths, 256)
  }

  /** Decodes how far back a match lies, less one; negative when beyond 2 GiB. */
  #distance(length: number): number {
    const range = this.#range
    const slots = distanceSlots + (Math.min(length - minMatchBytes, 3) << 6)
    const slot = range.tree(slots, 64)
    if (slot < 4) return slot
    const bits = (slot >> 1) - 1
    const base = (2 | (slot & 1)) << bits
    if (slot < 14) return base + range.reverseTree(distanceSpecial + base - slot, bits)
    return (base + (range.direct(bits - 4) << 4) + range.reverseTree(distanceAlign, 4)) | 0
  }
}
