import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, zstdDecompress } from 'node:zlib'
import pLimit from 'p-limit'
import { AppError } from '../errors.ts'
import { formatSize, KiB, MiB } from '../units.ts'

/** Whoever sends less is cut off: a kilobyte a second, whatever the line. */
const least = { bytes: 16 * KiB, everyMs: 15_000 }

/** Bodies held in memory as a whole, together at most a few dozen MiB. */
export const maxSmallBytes = 8 * MiB
const small = pLimit(6)

/**
 * The bytes of a body, at the pace of who takes them. A sender that is too slow is cut off; time in
 * which its bytes are being taken does not count.
 *
 * @throws AppError CLIENT_GONE when it ends early
 */
export async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  let bytes = 0
  let isTaking = false
  const look = setInterval(() => {
    if (!isTaking && bytes < least.bytes) request.destroy()
    bytes = 0
  }, least.everyMs)
  try {
    // What ends early on our side still has to be answered.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length
      isTaking = true
      yield chunk as Buffer
      isTaking = false
    }
  } catch (cause) {
    throw new AppError('CLIENT_GONE', 'what was pushed broke off', { cause })
  } finally {
    clearInterval(look)
  }
  if (!request.complete) throw new AppError('CLIENT_GONE', 'what was pushed broke off')
}

/**
 * Reads a small body whole, and decodes what its sender has packed.
 *
 * @throws AppError UPLOAD_TOO_LARGE, UPLOAD_REFUSED, CLIENT_GONE
 */
export async function smallBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  requireLength(Number(request.headers['content-length'] ?? 0), maxBytes)
  return small(async () => {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of bodyOf(request)) {
      bytes += chunk.length
      requireLength(bytes, maxBytes)
      chunks.push(chunk)
    }
    return decode(Buffer.concat(chunks), request.headers['content-encoding'], maxBytes)
  })
}

/** @throws AppError UPLOAD_TOO_LARGE */
export function requireLength(bytes: number, maxBytes: number): void {
  if (bytes > maxBytes)
    throw new AppError('UPLOAD_TOO_LARGE', `it is larger than ${formatSize(maxBytes)}`)
}

const decoders = {
  br: promisify(brotliDecompress),
  gzip: promisify(gunzip),
  zstd: promisify(zstdDecompress),
}

async function decode(bytes: Buffer, encoding = 'identity', maxBytes: number): Promise<Buffer> {
  if (encoding === 'identity' || encoding === '') return bytes
  if (!Object.hasOwn(decoders, encoding))
    throw new AppError('UPLOAD_REFUSED', `its Content-Encoding ${encoding} is not known here`)
  try {
    return await decoders[encoding as keyof typeof decoders](bytes, { maxOutputLength: maxBytes })
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ERR_BUFFER_TOO_LARGE') requireLength(Number.POSITIVE_INFINITY, maxBytes)
    throw new AppError('UPLOAD_REFUSED', `it is not ${encoding}, as it says`, { cause })
  }
}
