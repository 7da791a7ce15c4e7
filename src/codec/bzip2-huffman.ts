import type { BitReader } from './bit-reader.ts'
import { damaged } from './damage.ts'

/** Codes up to this many bits are found in one look; longer ones are rare. */
const fastBits = 10
const maxBits = 20

/** Decodes one symbol of a canonical Huffman code. */
export type SymbolReader = (bits: BitReader) => number

/**
 * Builds the decoder of a canonical code from the length of each symbol's code, 1 to 20 bits.
 *
 * The decoder throws AppError CORRUPT on a code that stands for nothing.
 */
export function symbolReader(lengths: Uint8Array): SymbolReader {
  const sorted = new Uint16Array(lengths.length) // symbols in the order of their codes
  const firstCode = new Int32Array(maxBits + 2) // of each length
  const firstIndex = new Int32Array(maxBits + 2) // into `sorted`
  let index = 0
  for (let length = 1; length <= maxBits; length++) {
    firstIndex[length] = index
    for (let symbol = 0; symbol < lengths.length; symbol++)
      if (lengths[symbol] === length) sorted[index++] = symbol
    const count = index - (firstIndex[length] as number)
    firstCode[length + 1] = ((firstCode[length] as number) + count) << 1
  }
  firstIndex[maxBits + 1] = index

  // Each entry is symbol × 32 + length; 0 where the code is longer than one look.
  const fast = new Uint16Array(1 << fastBits)
  for (let length = 1; length <= fastBits; length++) {
    const from = firstIndex[length] as number
    const to = firstIndex[length + 1] as number
    for (let i = from; i < to; i++) {
      const code = ((firstCode[length] as number) + i - from) << (fastBits - length)
      const entry = ((sorted[i] as number) << 5) | length
      fast.fill(entry, code, code + (1 << (fastBits - length)))
    }
  }

  return (bits) => {
    const entry = fast[bits.peek(fastBits)] as number
    if (entry !== 0) {
      bits.skip(entry & 31)
      return entry >> 5
    }
    for (let length = fastBits + 1; length <= maxBits; length++) {
      const offset = bits.peek(length) - (firstCode[length] as number)
      const at = (firstIndex[length] as number) + offset
      if (offset >= 0 && at < (firstIndex[length + 1] as number)) {
        bits.skip(length)
        return sorted[at] as number
      }
    }
    throw damaged('bzip2', 'it has a code without a meaning')
  }
}
