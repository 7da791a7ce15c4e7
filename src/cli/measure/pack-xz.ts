import { crc32 } from 'node:zlib'
import { Crc64 } from '../../codec/crc64.ts'
import { LzmaEncoder, lzmaProperties } from './lzma-encoder.ts'

/* The .xz file format: tukaani.org/xz/xz-file-format.txt. */

const headerMagic = Buffer.from('\xfd7zXZ\0', 'latin1')
const footerMagic = Buffer.from('YZ')
/** The check is CRC-64, as xz writes it by default. */
const flags = Buffer.from([0, 4])
/** LZMA2 with a dictionary of 8 MiB, and padding. */
const blockHeader = Buffer.from([2, 0, 0x21, 1, 22, 0, 0, 0])
const maxChunkBytes = 2 ** 21
const maxPackedChunkBytes = 2 ** 16

/**
 * Packs bytes as xz: good enough to measure a decoder with, where no xz is at hand. Packs less
 * tightly than xz does.
 */
export function packXz(data: Uint8Array): Buffer {
  const chunks = [...lzma2Chunks(data)]
  const packedBytes = chunks.reduce((sum, { length }) => sum + length, 0)
  const check = new Crc64()
  check.update(data)
  const header = withCrc(blockHeader)
  const unpadded = header.length + packedBytes + 8
  const list = Buffer.from([0, 1, ...varint(unpadded), ...varint(data.length)])
  const index = withCrc(padded(list))
  const backward = Buffer.alloc(4)
  backward.writeUInt32LE(index.length / 4 - 1)
  const tail = Buffer.concat([backward, flags])
  return Buffer.concat([
    ...[headerMagic, withCrc(flags)],
    ...[header, padded(Buffer.concat(chunks)), check.digest()],
    ...[index, crcOf(tail), tail, footerMagic],
  ])
}

function* lzma2Chunks(data: Uint8Array): Generator<Buffer> {
  const encoder = new LzmaEncoder(data)
  for (let isFirst = true; !encoder.isDone; isFirst = false) {
    const { bytes, packed } = encoder.chunk(maxChunkBytes, maxPackedChunkBytes)
    const size = bytes - 1
    // The first sets everything anew and names the properties; the others go on.
    const head = [(isFirst ? 0xe0 : 0x80) | (size >>> 16), (size >>> 8) & 255, size & 255]
    head.push(((packed.length - 1) >>> 8) & 255, (packed.length - 1) & 255)
    if (isFirst) head.push(lzmaProperties)
    yield Buffer.concat([Buffer.from(head), packed])
  }
  yield Buffer.from([0])
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return [...bytes, rest]
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}

function withCrc(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, crcOf(bytes)])
}

function crcOf(bytes: Buffer): Buffer {
  const crc = Buffer.alloc(4)
  crc.writeUInt32LE(crc32(bytes))
  return crc
}
