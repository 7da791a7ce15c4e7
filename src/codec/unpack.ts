import { AppError } from '../errors.ts'
import type { Compression } from '../nix/compression.ts'
import { MiB } from '../units.ts'
import { unpackBzip2 } from './bzip2.ts'
import { type ReadPacked, readBytes } from './packed-reader.ts'
import { unpackZlib } from './unpack-zlib.ts'
import { unpackXz } from './xz.ts'

/** Twice the dictionary of `xz -9`. */
const maxXzDictionaryBytes = 128 * MiB

const unpackers: Partial<
  Record<Compression, (read: ReadPacked) => AsyncGenerator<Uint8Array, void>>
> = {
  none: passThrough,
  br: (read) => unpackZlib('br', read),
  bzip2: unpackBzip2,
  gzip: (read) => unpackZlib('gzip', read),
  xz: (read) => unpackXz(read, maxXzDictionaryBytes),
  zstd: (read) => unpackZlib('zstd', read),
}

export function canUnpack(compression: Compression): boolean {
  return unpackers[compression] !== undefined
}

/**
 * Unpacks a file, all its streams, to the last byte.
 *
 * @returns pieces of at most 2 MiB, each valid until the next is asked for
 * @throws AppError CORRUPT when the bytes are not what `compression` promises
 * @throws AppError UNVERIFIABLE when canUnpack says no
 */
export function unpack(
  compression: Compression,
  read: ReadPacked,
): AsyncGenerator<Uint8Array, void> {
  const unpacker = unpackers[compression]
  if (!unpacker) throw new AppError('UNVERIFIABLE', `narwhal cannot unpack ${compression}`)
  return unpacker(read)
}

async function* passThrough(read: ReadPacked): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(readBytes)
  for (;;) {
    const filled = await read(buffer)
    if (filled === 0) return
    yield buffer.subarray(0, filled)
  }
}
