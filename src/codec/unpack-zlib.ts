import { constants, createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib'
import { damaged } from './damage.ts'
import { type ReadPacked, readBytes } from './packed-reader.ts'
import { StreamCount } from './stream-count.ts'
import { ZlibStream, type ZlibTransform } from './zlib-stream.ts'

const chunkSize = 128 * 1024
/** 128 MiB: what the zstd library accepts unless told otherwise, in Nix as everywhere. */
const maxZstdWindowLog = 27

const formats = {
  gzip: { start: () => createGunzip({ chunkSize }), concatenates: true },
  // RFC 7932 knows one stream, and Nix stops after it
  br: { start: () => createBrotliDecompress({ chunkSize }), concatenates: false },
  zstd: {
    start: () =>
      createZstdDecompress({
        chunkSize,
        params: { [constants.ZSTD_d_windowLogMax]: maxZstdWindowLog },
      }),
    concatenates: true,
  },
} as const satisfies Record<string, { start(): ZlibTransform; concatenates: boolean }>

/**
 * Unpacks what node:zlib can; what follows the end of a stream is another one or damage, where
 * node:zlib itself would ignore it.
 *
 * @returns pieces of at most 128 KiB
 * @throws AppError CORRUPT
 */
export async function* unpackZlib(
  format: keyof typeof formats,
  read: ReadPacked,
): AsyncGenerator<Uint8Array, void> {
  const { start, concatenates } = formats[format]
  const buffer = new Uint8Array(readBytes)
  const fault = (reason: string) => damaged(format, reason)
  const count = new StreamCount(format)
  let stream = new ZlibStream(start(), fault)
  try {
    for (;;) {
      const filled = await read(buffer)
      if (filled === 0) {
        if (!stream.isEnded) yield* stream.finish()
        return
      }
      let rest = buffer.subarray(0, filled)
      while (rest.length > 0) {
        if (stream.isEnded) {
          if (!concatenates) throw damaged(format, 'something follows its end')
          count.begin()
          stream.destroy()
          stream = new ZlibStream(start(), fault)
        }
        for await (const piece of stream.give(rest)) {
          count.unpacked(piece.length)
          yield piece
        }
        rest = rest.subarray(stream.isEnded ? rest.length - stream.bytesBehindEnd : rest.length)
      }
    }
  } finally {
    stream.destroy()
  }
}
