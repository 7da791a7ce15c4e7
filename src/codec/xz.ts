import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { damaged } from './damage.ts'
import { unpackLzma2 } from './lzma2.ts'
import { PackedReader, type ReadPacked } from './packed-reader.ts'
import { StreamCount } from './stream-count.ts'
import { type XzCheck, xzChecks } from './xz-check.ts'
import { readBlockHeader, readVarint, writeVarint } from './xz-header.ts'

/*
 * The .xz file format (tukaani.org/xz/xz-file-format.txt): streams one after the other, each of a
 * header, blocks, an index of the blocks, and a footer. Every field is checked, also those that
 * unpacking could do without: what passes here must pass every client's own decoder.
 */

const headerMagic = Buffer.from('\xfd7zXZ\0', 'latin1')
const footerMagic = Buffer.from('YZ')

/** Sizes of the blocks seen, digested as the index lists them, for any number in no memory. */
interface BlockList {
  count: number
  readonly digest: Hash
}

/**
 * Unpacks one or more xz streams.
 *
 * @param maxWindowBytes no dictionary may need more memory than this
 * @returns pieces of at most 2 MiB, each valid until the next is asked for
 * @throws AppError CORRUPT
 */
export async function* unpackXz(
  read: ReadPacked,
  maxWindowBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const reader = new PackedReader(read, 'xz')
  const count = new StreamCount('xz')
  do {
    const flags = await readStreamHeader(reader)
    count.begin()
    const check = xzChecks[flags[1] as number]
    if (!check) throw damaged('xz', `its check ${flags[1]} is none that narwhal knows`)
    const blocks: BlockList = { count: 0, digest: createHash('sha256') }
    for (;;) {
      const first = (await reader.take(1))[0] as number
      if (first === 0) break
      count.begin()
      yield* unpackBlock(reader, first, { check, blocks, count, maxWindowBytes })
    }
    const indexBytes = await readIndex(reader, blocks)
    await readFooter(reader, flags, indexBytes)
    await skipPadding(reader)
  } while (!(await reader.atEnd()))
}

async function readStreamHeader(reader: PackedReader): Promise<Uint8Array> {
  const header = Buffer.from(await reader.take(12))
  if (!header.subarray(0, 6).equals(headerMagic))
    throw damaged('xz', 'no xz header where one must be')
  const flags = header.subarray(6, 8)
  if (header.readUInt32LE(8) !== crc32(flags)) throw damaged('xz', 'its header fails the CRC')
  if (flags[0] !== 0) throw damaged('xz', 'its header has unknown flags')
  return flags
}

async function* unpackBlock(
  reader: PackedReader,
  sizeByte: number,
  stream: { check: XzCheck; blocks: BlockList; count: StreamCount; maxWindowBytes: number },
): AsyncGenerator<Uint8Array, void> {
  const headerBytes = (sizeByte + 1) * 4
  const header = readBlockHeader(sizeByte, await reader.take(headerBytes - 1))
  if (header.dictionaryBytes > stream.maxWindowBytes)
    throw damaged('xz', `it wants a dictionary of ${header.dictionaryBytes} bytes`)
  const begin = reader.position
  const check = stream.check.start()
  let bytes = 0
  for await (const piece of unpackLzma2(reader, header.dictionaryBytes)) {
    check.update(piece)
    bytes += piece.length
    stream.count.unpacked(piece.length)
    yield piece
  }
  const packedBytes = reader.position - begin
  if (bytes !== (header.bytes ?? bytes) || packedBytes !== (header.packedBytes ?? packedBytes))
    throw damaged('xz', 'a block has another size than its header says')
  await takeZeros(reader, -packedBytes & 3)
  const stored = await reader.take(stream.check.bytes)
  if (Buffer.compare(stored, check.digest()) !== 0) throw damaged('xz', 'a block fails its check')
  stream.blocks.count += 1
  stream.blocks.digest.update(writeVarint(headerBytes + packedBytes + stream.check.bytes))
  stream.blocks.digest.update(writeVarint(bytes))
}

/** Compares the index with the blocks that were there; returns its size in bytes. */
async function readIndex(reader: PackedReader, blocks: BlockList): Promise<number> {
  const begin = reader.position - 1
  let crc = crc32(Uint8Array.of(0))
  const listed = createHash('sha256')
  async function varint() {
    const bytes: number[] = []
    do bytes.push((await reader.take(1))[0] as number)
    while ((bytes.at(-1) as number) >= 0x80 && bytes.length < 9)
    const raw = Uint8Array.from(bytes)
    crc = crc32(raw, crc)
    return raw
  }
  const count = readVarint(await varint(), 0).value
  if (count !== blocks.count) throw damaged('xz', 'its index lists another number of blocks')
  for (let i = 0; i < 2 * count; i++) listed.update(await varint())
  if (!listed.digest().equals(blocks.digest.digest()))
    throw damaged('xz', 'its index lists other blocks')
  const padding = (begin - reader.position) & 3
  crc = crc32(new Uint8Array(padding), crc)
  await takeZeros(reader, padding)
  if (Buffer.from(await reader.take(4)).readUInt32LE() !== crc)
    throw damaged('xz', 'its index fails the CRC')
  return reader.position - begin
}

async function readFooter(reader: PackedReader, flags: Uint8Array, indexBytes: number) {
  const footer = Buffer.from(await reader.take(12))
  if (
    !footer.subarray(10).equals(footerMagic) ||
    footer.readUInt32LE(0) !== crc32(footer.subarray(4, 10)) ||
    (footer.readUInt32LE(4) + 1) * 4 !== indexBytes ||
    Buffer.compare(footer.subarray(8, 10), flags) !== 0
  )
    throw damaged('xz', 'its footer does not fit')
}

/** Streams may be padded with zeros, four at a time. */
async function skipPadding(reader: PackedReader): Promise<void> {
  while ((await reader.fill(4)) && reader.buffered.subarray(0, 4).every((byte) => byte === 0))
    reader.skip(4)
}

async function takeZeros(reader: PackedReader, bytes: number): Promise<void> {
  if ((await reader.take(bytes)).some((byte) => byte !== 0))
    throw damaged('xz', 'its padding is not zero')
}
