import { crc32 } from 'node:zlib'
import { damaged } from './damage.ts'

/** What the header of an xz block says; sizes are undefined where it does not say. */
export interface XzBlockHeader {
  readonly packedBytes: number | undefined
  readonly bytes: number | undefined
  readonly dictionaryBytes: number
}

const lzma2Filter = 0x21
const hasPackedBytes = 0x40
const hasBytes = 0x80
const reservedFlags = 0x3c
const filterCount = 0x03

/**
 * Reads a block header (the .xz file format, section 3.1).
 *
 * LZMA2 alone is accepted: the filters for machine code and delta are never used by Nix.
 *
 * @param sizeByte the header's first byte
 * @param rest the bytes after it, up to and including the CRC
 * @throws AppError CORRUPT
 */
export function readBlockHeader(sizeByte: number, rest: Uint8Array): XzBlockHeader {
  const bytes = Buffer.concat([Uint8Array.of(sizeByte), rest])
  const end = bytes.length - 4
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end)))
    throw damaged('xz', 'a block header fails the CRC')
  const flags = bytes[1] as number
  let at = 2
  function next(): number {
    const read = readVarint(bytes.subarray(0, end), at)
    at = read.end
    return read.value
  }
  const packedBytes = flags & hasPackedBytes ? next() : undefined
  const unpackedBytes = flags & hasBytes ? next() : undefined
  const filter = next()
  if (flags & (reservedFlags | filterCount) || filter !== lzma2Filter || next() !== 1)
    throw damaged('xz', 'it uses another filter than LZMA2')
  const dictionaryBytes = readDictionaryBytes(bytes[at] as number)
  if (bytes.subarray(at + 1, end).some((byte) => byte !== 0))
    throw damaged('xz', 'a block header has unknown fields')
  return { packedBytes, bytes: unpackedBytes, dictionaryBytes }
}

/** Section 5.3.1: 4 KiB, 6 KiB, 8 KiB, 12 KiB, … up to 4 GiB - 1. */
function readDictionaryBytes(code: number): number {
  if (code > 40) throw damaged('xz', `LZMA2 has no dictionary size ${code}`)
  return code === 40 ? 2 ** 32 - 1 : (2 | (code & 1)) * 2 ** ((code >> 1) + 11)
}

/**
 * Reads a number of 7 bits a byte, least significant first, the last byte below 0x80 (section 1.2).
 *
 * @returns the number and where it ends
 * @throws AppError CORRUPT
 */
export function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0
  for (let i = 0; i < 9 && at + i < bytes.length; i++) {
    const byte = bytes[at + i] as number
    value += (byte & 0x7f) * 128 ** i
    if (byte >= 0x80) continue
    if ((byte === 0 && i > 0) || !Number.isSafeInteger(value)) break
    return { value, end: at + i + 1 }
  }
  throw damaged('xz', 'a number in it makes no sense')
}

/** Writes a number as readVarint reads it. */
export function writeVarint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  return Uint8Array.from([...bytes, rest])
}
