import { createHash } from 'node:crypto'
import { type Duplex, PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib'
import { AppError, messageOf } from '../../errors.ts'
import type { Compression } from '../../nix/compression.ts'
import { type Hash, sameHash } from '../../nix/hash.ts'
import type { NarInfo } from '../../nix/narinfo.ts'

const decompressors: { readonly [kind in Compression]?: () => Duplex } = {
  none: () => new PassThrough(),
  br: createBrotliDecompress,
  gzip: createGunzip,
  zstd: createZstdDecompress,
}

/**
 * Reads a NAR file to its end, unpacks it, and holds both against the narinfo.
 *
 * @returns bytes of the file as it came
 * @throws AppError CORRUPT; UNVERIFIABLE for a compression this client does not know
 */
export async function checkNar(info: NarInfo, body: Readable): Promise<number> {
  const decompressor = decompressors[info.compression]?.()
  if (decompressor === undefined) {
    body.destroy()
    throw new AppError('UNVERIFIABLE', `the demo's client cannot unpack ${info.compression}`)
  }
  const file = startMeasuring()
  const nar = startMeasuring()
  const readToEnd = async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) nar.add(chunk)
  }
  try {
    await pipeline(body, file.tap, decompressor, readToEnd)
  } catch (cause) {
    throw new AppError('CORRUPT', `${info.url} does not unpack: ${messageOf(cause)}`, { cause })
  }
  const seen = file.sum()
  check(info, 'FileHash', info.fileHash === undefined || sameHash(info.fileHash, seen.hash))
  check(info, 'FileSize', info.fileSize === undefined || info.fileSize === seen.bytes)
  const unpacked = nar.sum()
  check(info, 'NarHash', sameHash(info.narHash, unpacked.hash))
  check(info, 'NarSize', info.narSize === unpacked.bytes)
  return seen.bytes
}

function check(info: NarInfo, field: string, holds: boolean): void {
  if (!holds) throw new AppError('CORRUPT', `${info.url} does not match its ${field}`)
}

function startMeasuring() {
  const hash = createHash('sha256')
  let bytes = 0
  const add = (chunk: Buffer) => {
    hash.update(chunk)
    bytes += chunk.length
  }
  return {
    add,
    async *tap(source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        add(chunk)
        yield chunk
      }
    },
    sum: (): { hash: Hash; bytes: number } => ({
      hash: { algorithm: 'sha256', digest: hash.digest() },
      bytes,
    }),
  }
}
