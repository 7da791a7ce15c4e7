import { MiB } from '../units.ts'
import { BitReader } from './bit-reader.ts'
import { readSortedBlock, type SortedBlock } from './bzip2-block.ts'
import { damaged } from './damage.ts'
import { PackedReader, type ReadPacked } from './packed-reader.ts'
import { StreamCount } from './stream-count.ts'

/*
 * bzip2: streams one after the other, each of blocks that begin at any bit. A block is unpacked in
 * one go once enough of it is there; its length is told nowhere, so a first guess is doubled.
 */

const maxPackedBlockBytes = 4 * MiB
const pieceBytes = 256 * 1024
const blockMagic = [0x314159, 0x265359] as const
const endMagic = [0x177245, 0x385090] as const

/**
 * Unpacks one or more bzip2 streams. Memory: 4 MiB for the largest blocks, and what they came in.
 *
 * @returns pieces of at most 256 KiB, each valid until the next is asked for
 * @throws AppError CORRUPT
 */
export async function* unpackBzip2(read: ReadPacked): AsyncGenerator<Uint8Array, void> {
  const reader = new PackedReader(read, 'bzip2')
  const count = new StreamCount('bzip2')
  const piece = new Uint8Array(pieceBytes)
  let links = new Uint32Array()
  do {
    const header = Buffer.from(await reader.take(4)).toString('latin1')
    if (!/^BZh[1-9]$/.test(header)) throw damaged('bzip2', 'no bzip2 header where one must be')
    const blockBytes = Number(header[3]) * 100_000
    if (links.length < blockBytes) links = new Uint32Array(blockBytes)
    count.begin()
    yield* unpackStream(reader, { links: links.subarray(0, blockBytes), piece, count })
  } while (!(await reader.atEnd()))
}

/** What all streams of a file have in common. */
interface Workspace {
  readonly links: Uint32Array
  readonly piece: Uint8Array
  readonly count: StreamCount
}

async function* unpackStream(
  reader: PackedReader,
  { links, piece, count }: Workspace,
): AsyncGenerator<Uint8Array, void> {
  let streamCrc = 0
  let skipBits = 0
  for (;;) {
    const part = await readPart(reader, skipBits, links)
    if (!part.block) {
      reader.skip(Math.ceil(part.bits / 8))
      if (part.crc !== streamCrc) throw damaged('bzip2', 'it fails its CRC')
      return
    }
    count.begin()
    reader.skip(part.bits >> 3)
    skipBits = part.bits & 7
    let crc = -1
    for (const bytes of spell(part.block, piece)) {
      crc = crc32(bytes, crc)
      count.unpacked(bytes.length)
      yield bytes
    }
    if (~crc !== part.crc) throw damaged('bzip2', 'a block fails its CRC')
    streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ part.crc) | 0
  }
}

/** A block, or undefined for the end of the stream; the CRC of either; and how long it was. */
interface Part {
  readonly block: SortedBlock | undefined
  readonly crc: number
  readonly bits: number
}

async function readPart(reader: PackedReader, skipBits: number, links: Uint32Array): Promise<Part> {
  // A block seldom packs to more than it holds; once too little was there, look again at twice that.
  for (let bytes = links.length + 4096; ; bytes *= 2) {
    const isWhole = await reader.fill(bytes)
    const bits = new BitReader(reader.buffered, skipBits)
    try {
      const part = tryPart(bits, links)
      if (!bits.isOverrun) return part
    } catch (error) {
      if (!bits.isOverrun) throw error
    }
    if (!isWhole) throw damaged('bzip2', 'it ends too early')
    if (bytes > maxPackedBlockBytes) throw damaged('bzip2', 'a block has no end')
  }
}

function tryPart(bits: BitReader, links: Uint32Array): Part {
  const magic = [bits.take(24), bits.take(24)]
  const crc = (bits.take(16) << 16) | bits.take(16)
  const isBlock = magic[0] === blockMagic[0] && magic[1] === blockMagic[1]
  if (!isBlock && (magic[0] !== endMagic[0] || magic[1] !== endMagic[1]))
    throw damaged('bzip2', 'no block where one must be')
  const block = isBlock ? readSortedBlock(bits, links) : undefined
  return { block, crc, bits: bits.position }
}

/** Follows the links and undoes the first step of packing: 4 equal bytes, then how many more. */
function* spell(block: SortedBlock, piece: Uint8Array): Generator<Uint8Array, void> {
  const { links, length } = block
  let entry = links[block.origin] as number
  let previous = -1
  let run = 0
  let at = 0
  for (let i = 0; i < length; i++) {
    entry = links[entry >>> 8] as number
    const byte = entry & 255
    if (at > piece.length - 255) {
      yield piece.subarray(0, at)
      at = 0
    }
    if (run === 4) {
      piece.fill(previous, at, at + byte)
      at += byte
      run = 0
      previous = -1
      continue
    }
    run = byte === previous ? run + 1 : 1
    previous = byte
    piece[at++] = byte
  }
  if (at > 0) yield piece.subarray(0, at)
}

// The CRC-32 of bzip2 goes highest bit first, unlike everybody else's.
const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0)
  return crc
})

function crc32(bytes: Uint8Array, from: number): number {
  let crc = from
  for (let i = 0; i < bytes.length; i++)
    crc = (crc << 8) ^ (crcTable[(crc >>> 24) ^ (bytes[i] as number)] as number)
  return crc
}
