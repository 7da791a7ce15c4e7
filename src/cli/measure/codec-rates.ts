import { open, readFile } from 'node:fs/promises'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { MeasuredReading } from '../../advice/measured-figures.ts'
import type { ReadPacked } from '../../codec/packed-reader.ts'
import { unpack } from '../../codec/unpack.ts'
import { ZstdPacker } from '../../codec/zstd-packer.ts'
import { measureCore } from '../../host/measure/core.ts'
import type { Rounds } from '../../host/measure/rounds.ts'
import { MiB } from '../../units.ts'
import { packXz } from './pack-xz.ts'

/** Larger than what zstd keeps at hand at this level: then it works as on a long NAR. */
export const sampleBytes = 4 * MiB
/** Our own xz packs 5 MB a second on a good core; unpacking is no faster on more. */
const xzBytes = 2 * MiB
const level = 3

/**
 * Bytes to pack and unpack: of the program that runs here, since most of what NARs hold is programs
 * for machines like this one.
 *
 * @param place in its code, from 0 to 1
 */
export async function readSample(place = 0.5): Promise<Buffer> {
  const { path, from, to } = await largestProgram()
  const file = await open(path, 'r')
  try {
    const bytes = Math.min(sampleBytes, to - from)
    const start = from + Math.floor((to - from - bytes) * place)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, start)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

interface Region {
  readonly path: string
  readonly from: number
  readonly to: number
}

/** The largest piece of machine code this process has loaded: Node's own, or that of its library. */
async function largestProgram(): Promise<Region> {
  const maps = await readFile('/proc/self/maps', 'utf8').catch(() => '')
  let largest: Region = { path: process.execPath, from: 0, to: sampleBytes }
  let most = 0
  // 55d0c0e00000-55d0c2a00000 r-xp 00e00000 fe:00 1234   /usr/bin/node
  for (const [, start = '', end = '', offset = '', path = ''] of maps.matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) r-xp ([0-9a-f]+) \S+ \S+ +(\/.*)$/gm,
  )) {
    const bytes = Number.parseInt(end, 16) - Number.parseInt(start, 16)
    const from = Number.parseInt(offset, 16)
    if (bytes <= most || path.endsWith(' (deleted)')) continue
    most = bytes
    largest = { path, from, to: from + bytes }
  }
  return largest
}

/** xz unpacked by narwhal's own decoder, checksum included, in bytes of what comes out. */
export function measureXzDecode(sample: Buffer, order: Rounds): Promise<MeasuredReading> {
  const packed = packXz(sample.subarray(0, xzBytes))
  return measureCore(async () => {
    let bytes = 0
    for await (const piece of unpack('xz', readerOf(packed))) bytes += piece.length
    return bytes
  }, order)
}

/** zstd as narwhal packs NARs with it, in bytes of what goes in. */
export function measureZstdEncode(sample: Buffer, order: Rounds): Promise<MeasuredReading> {
  return measureCore(async () => {
    const packer = new ZstdPacker(level, sample.length)
    try {
      for await (const _ of packer.pack(sample));
      for await (const _ of packer.finish());
    } finally {
      packer.destroy()
    }
    return sample.length
  }, order)
}

/** zstd as clients unpack it, with the library alone, in bytes of what comes out. */
export function measureZstdDecode(sample: Buffer, order: Rounds): Promise<MeasuredReading> {
  const params = { [constants.ZSTD_c_compressionLevel]: level }
  const packed = zstdCompressSync(sample, { params })
  return measureCore(() => zstdDecompressSync(packed).length, order)
}

function readerOf(bytes: Buffer): ReadPacked {
  let at = 0
  return async (into) => {
    const piece = bytes.subarray(at, at + into.length)
    into.set(piece)
    at += piece.length
    return piece.length
  }
}
