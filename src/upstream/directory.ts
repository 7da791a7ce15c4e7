import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { parseNarInfo } from '../nix/narinfo.ts'
import type { Source } from '../nix/source.ts'
import { locateNar } from '../policy/nar-location.ts'

/**
 * A binary cache in a directory of this machine, as `nix copy --to file://…` writes it.
 *
 * @param url file://… without trailing slash
 */
export function directoryUpstream(name: string, url: string): Source {
  const root = fileURLToPath(`${url}/`)

  /** A cache whose directory is gone, such as an unmounted disk, does not know; it is not empty. */
  async function requireRoot(): Promise<void> {
    await stat(root).catch((cause: unknown) => {
      throw new AppError('UPSTREAM_UNREACHABLE', `${name}: ${messageOf(cause)}`, { cause })
    })
  }

  async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new AppError('UPSTREAM_UNREACHABLE', `${name}: ${messageOf(cause)}`, { cause })
      await requireRoot()
      return undefined
    }
  }

  return {
    name,

    async narinfo(hash, signal) {
      const text = await orAbsent(readFile(join(root, `${hash}.narinfo`), { signal }))
      if (text === undefined) return undefined
      try {
        const info = parseNarInfo(text)
        locateNar(url, info.url)
        return info
      } catch (error) {
        if (!isAppError(error)) throw error
        throw new AppError(error.code, `${name}: ${hash}.narinfo: ${error.message}`)
      }
    },

    async nar(request, signal) {
      const path = fileURLToPath(locateNar(url, request.url))
      const stats = await orAbsent(stat(path))
      if (!stats?.isFile()) return undefined
      const { offset, length } = request
      const end = length === undefined ? Number.POSITIVE_INFINITY : offset + length - 1
      return { size: stats.size, chunks: createReadStream(path, { start: offset, end, signal }) }
    },

    probe: requireRoot,
    close: async () => undefined,
  }
}
