import { readdir } from 'node:fs/promises'
import type { StoreHash } from '../../nix/store-path.ts'
import type { Finding } from '../../proxy/verify-cache.ts'
import type { Disk } from '../../store/disk.ts'
import type { Layout } from '../../store/layout.ts'

const suffix = '.narinfo'

/** The narinfos that stand in `cache/`; none where there is no such directory. */
export async function listNarinfos({ cache }: Layout): Promise<Set<string>> {
  const names = await readdir(cache).catch(() => [])
  return new Set(names.filter((name) => name.endsWith(suffix)))
}

/**
 * Names the NARs whose narinfos stood in `cache/` alone: an index that is brought in step takes such
 * narinfos out before anybody can look at them.
 *
 * @param before what stood there before the data directory was opened
 */
export async function findWidows(disk: Disk, before: ReadonlySet<string>): Promise<Finding[]> {
  const after = await listNarinfos(disk.layout)
  const byNar = new Map<string, StoreHash[]>()
  for (const name of before) {
    if (after.has(name)) continue
    const hash = name.slice(0, -suffix.length) as StoreHash
    const file = (await disk.narinfo(hash))?.file
    if (file !== undefined) byNar.set(file, [...(byNar.get(file) ?? []), hash])
  }
  const why = 'is missing or empty'
  return [...byNar].map(([nar, narinfos]) => ({
    ...{ kind: 'damaged', file: `nar/${nar}`, why, narinfos, nar },
  }))
}
