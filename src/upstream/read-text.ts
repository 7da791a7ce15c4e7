import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { AppError, messageOf } from '../errors.ts'

const decoders: Readonly<Record<string, (data: Buffer, limit: object) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
}

/**
 * Reads a small text, undoing the Content-Encoding some caches put on it although not asked to.
 *
 * @param maxBytes cap on what is received and on what it unpacks to
 * @throws AppError UPSTREAM_MALFORMED
 */
export async function readText(
  response: Pick<Dispatcher.ResponseData, 'headers' | 'body'>,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response.body) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  const raw = Buffer.concat(chunks)
  const encoding = String(response.headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding === 'identity') return raw
  const decode = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined
  if (!decode)
    throw new AppError('UPSTREAM_MALFORMED', `Content-Encoding ${encoding} is unknown here`)
  try {
    return await decode(raw, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw new AppError('UPSTREAM_MALFORMED', `its ${encoding} is damaged: ${messageOf(error)}`)
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('UPSTREAM_MALFORMED', `is larger than ${maxBytes} bytes`)
}
