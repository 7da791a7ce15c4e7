import type { BitReader } from './bit-reader.ts'
import { type SymbolReader, symbolReader } from './bzip2-huffman.ts'
import { damaged } from './damage.ts'

/** A block as bzip2 sorted it: links from each byte to the next, in the sorted order. */
export interface SortedBlock {
  /** each entry is index of the next × 256 + byte; as long as the largest block of the stream */
  readonly links: Uint32Array
  readonly length: number
  /** index of the entry that links to the first byte */
  readonly origin: number
}

const symbolsPerSelector = 50
const runA = 0
const runB = 1

/**
 * Reads a block's sorted bytes from behind its CRC, undoing Huffman coding and move-to-front.
 *
 * @param links room for the result; its length is the largest block allowed
 * @throws AppError CORRUPT
 */
export function readSortedBlock(bits: BitReader, links: Uint32Array): SortedBlock {
  if (bits.take(1) === 1) throw damaged('bzip2', 'it uses randomisation, given up in 1999')
  const origin = bits.take(24)
  const front = readAlphabet(bits)
  const endOfBlock = front.length + 1
  const readers = readCodes(bits, endOfBlock + 1)
  const counts = new Uint32Array(256)
  let length = 0
  let run = 0
  let runUnit = 1
  let selected = 0
  let left = 0
  let read = readers[0] as SymbolReader
  for (;;) {
    if (left-- === 0) {
      if (selected === readers.length) throw damaged('bzip2', 'a block has no end')
      read = readers[selected++] as SymbolReader
      left = symbolsPerSelector - 1
    }
    const symbol = read(bits)
    if (symbol <= runB) {
      // How often the front byte repeats, in digits worth 1 or 2 times 1, 2, 4, …
      run += runUnit << (symbol - runA)
      runUnit <<= 1
      if (length + run > links.length) throw damaged('bzip2', 'a block is too long')
      continue
    }
    if (run > 0) {
      const byte = front[0] as number
      counts[byte] = (counts[byte] as number) + run
      links.fill(byte, length, length + run)
      length += run
      run = 0
      runUnit = 1
    }
    if (symbol === endOfBlock) break
    if (length === links.length) throw damaged('bzip2', 'a block is too long')
    const byte = front[symbol - 1] as number
    for (let i = symbol - 1; i > 0; i--) front[i] = front[i - 1] as number
    front[0] = byte
    counts[byte] = (counts[byte] as number) + 1
    links[length++] = byte
  }
  if (origin >= length) throw damaged('bzip2', 'a block begins nowhere')
  link(links, length, counts)
  return { links, length, origin }
}

/** The byte values that occur, in order: 16 bits for ranges of 16, then 16 bits for each range. */
function readAlphabet(bits: BitReader): Uint8Array {
  const ranges = bits.take(16)
  const used: number[] = []
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >> range)) === 0) continue
    const values = bits.take(16)
    for (let i = 0; i < 16; i++) if (values & (0x8000 >> i)) used.push(range * 16 + i)
  }
  if (used.length === 0) throw damaged('bzip2', 'a block uses no bytes')
  return Uint8Array.from(used)
}

/** The Huffman code for each run of 50 symbols. */
function readCodes(bits: BitReader, symbols: number): SymbolReader[] {
  const codes = bits.take(3)
  const selectors = bits.take(15)
  if (codes < 2 || codes > 6 || selectors === 0) throw damaged('bzip2', 'a block has no codes')
  const order = [0, 1, 2, 3, 4, 5]
  const chosen: number[] = []
  for (let i = 0; i < selectors; i++) {
    let place = 0
    while (bits.take(1) === 1) place += 1
    if (place >= codes) throw damaged('bzip2', 'a block names a code it lacks')
    order.unshift(...order.splice(place, 1))
    chosen.push(order[0] as number)
  }
  const readers = Array.from({ length: codes }, () => symbolReader(readLengths(bits, symbols)))
  return chosen.map((code) => readers[code] as SymbolReader)
}

function readLengths(bits: BitReader, symbols: number): Uint8Array {
  const lengths = new Uint8Array(symbols)
  let length = bits.take(5)
  for (let symbol = 0; symbol < symbols; symbol++) {
    while (bits.take(1) === 1) length += bits.take(1) === 0 ? 1 : -1
    if (length < 1 || length > 20) throw damaged('bzip2', 'a code has an impossible length')
    lengths[symbol] = length
  }
  return lengths
}

/** Undoes the sorting: writes beside each byte where the one after it is. */
function link(links: Uint32Array, length: number, counts: Uint32Array): void {
  const next = new Uint32Array(256)
  for (let value = 1; value < 256; value++)
    next[value] = (next[value - 1] as number) + (counts[value - 1] as number)
  for (let i = 0; i < length; i++) {
    const value = (links[i] as number) & 255
    const at = next[value] as number
    next[value] = at + 1
    links[at] = (links[at] as number) | (i << 8)
  }
}
