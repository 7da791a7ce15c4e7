import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GiB } from '../units.ts'
import { createDirectories, type Layout, partSuffix } from './layout.ts'

/** Beginnings of downloads are kept for clients that come back, but not for ever, nor without bound. */
const maxKeptBytes = GiB
const maxKeptMs = 7 * 24 * 3600 * 1000

/**
 * Clears `tmp/` at start of all but the younger beginnings of downloads. Whatever is there belongs
 * to a process that is gone: the lock says so.
 *
 * @param now milliseconds since 1970
 */
export async function tidyTemporaries(layout: Layout, now: number): Promise<void> {
  const names = await readdir(layout.temporary)
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(layout.temporary, name)
      const stats = await stat(path).catch(() => undefined)
      const isPart = name.endsWith(partSuffix) && stats?.isFile() === true
      return { path, isPart, bytes: stats?.size ?? 0, changedAt: stats?.mtimeMs ?? 0 }
    }),
  )
  let keptBytes = 0
  for (const file of files.toSorted((a, b) => b.changedAt - a.changedAt)) {
    const isYoung = Math.abs(now - file.changedAt) < maxKeptMs
    if (file.isPart && isYoung && file.bytes > 0 && keptBytes + file.bytes <= maxKeptBytes)
      keptBytes += file.bytes
    else await rm(file.path, { recursive: true, force: true })
  }
  await createDirectories(layout)
}
