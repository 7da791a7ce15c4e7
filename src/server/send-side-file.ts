import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../errors.ts'
import type { SideFile } from '../policy/side-file.ts'
import type { Layout } from '../store/layout.ts'

/**
 * Answers a request for a listing, a build log or the like. Only what was pushed here is here.
 *
 * @returns false when it is not; nothing has been sent then
 */
export async function sendSideFile(
  response: ServerResponse,
  { name, contentType }: SideFile,
  { cache }: Layout,
): Promise<boolean> {
  const handle = await open(join(cache, name), 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (!handle) return false
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) return false
    if (response.destroyed) throw new AppError('CLIENT_GONE', 'the client went away')
    response.writeHead(200, {
      'Content-Type': contentType,
      'Content-Length': stats.size,
      'X-Content-Type-Options': 'nosniff',
    })
    if (response.req.method === 'HEAD' || stats.size === 0) response.end()
    else
      await pipeline(
        createReadStream('', { fd: handle, autoClose: false, start: 0, end: stats.size - 1 }),
        response,
      ).catch((cause: unknown) => {
        throw new AppError('CLIENT_GONE', 'the client went away', { cause })
      })
    return true
  } finally {
    await handle.close()
  }
}
