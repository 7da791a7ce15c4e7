import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { maxKeptBytes, maxKeptMs, type Part } from './kept-parts.ts'
import { createDirectories, type Layout, partSuffix } from './layout.ts'

/**
 * Clears `tmp/` at start of all but the younger beginnings of downloads. Whatever is there belongs
 * to a process that is gone: the lock says so.
 *
 * @param now milliseconds since 1970
 * @returns what stays, the oldest first
 */
export async function tidyTemporaries(layout: Layout, now: number): Promise<Part[]> {
  const names = await readdir(layout.temporary)
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(layout.temporary, name)
      const stats = await stat(path).catch(() => undefined)
      const isPart = name.endsWith(partSuffix) && stats?.isFile() === true
      return { path, isPart, bytes: stats?.size ?? 0, changedAt: stats?.mtimeMs ?? 0 }
    }),
  )
  const kept: Part[] = []
  let keptBytes = 0
  for (const file of files.toSorted((a, b) => b.changedAt - a.changedAt)) {
    const ageMs = Math.abs(now - file.changedAt)
    const isYoung = ageMs < maxKeptMs
    if (file.isPart && isYoung && file.bytes > 0 && keptBytes + file.bytes <= maxKeptBytes) {
      keptBytes += file.bytes
      kept.unshift({ path: file.path, bytes: file.bytes, ageMs })
    } else await rm(file.path, { recursive: true, force: true })
  }
  await createDirectories(layout)
  return kept
}
