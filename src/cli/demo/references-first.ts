import { AppError } from '../../errors.ts'
import type { NarInfo } from '../../nix/narinfo.ts'
import { baseName, type StoreHash } from '../../nix/store-path.ts'
import { walk } from './walk.ts'

/**
 * Visits each path once those it refers to have been visited, as Nix fetches NARs. References to
 * paths that are not among `infos` count as there already.
 *
 * @param limit visits under way at once
 * @throws AppError CORRUPT when references go in a circle; what a visit throws
 */
export async function walkReferencesFirst(
  infos: readonly NarInfo[],
  limit: number,
  visit: (info: NarInfo) => Promise<void>,
): Promise<void> {
  const missing = new Map<NarInfo, number>()
  const referrers = new Map<StoreHash, NarInfo[]>(infos.map((info) => [info.storePath.hash, []]))
  for (const info of infos) {
    const others = info.references.filter(
      ({ hash }) => hash !== info.storePath.hash && referrers.has(hash),
    )
    missing.set(info, others.length)
    for (const path of others) referrers.get(path.hash)?.push(info)
  }
  const ready = infos.filter((info) => missing.get(info) === 0)
  await walk(ready, limit, async (info) => {
    await visit(info)
    missing.delete(info)
    return (referrers.get(info.storePath.hash) ?? []).filter((referrer) => {
      const left = (missing.get(referrer) ?? 0) - 1
      missing.set(referrer, left)
      return left === 0
    })
  })
  if (missing.size === 0) return
  const names = [...missing.keys()].map((info) => baseName(info.storePath))
  throw new AppError('CORRUPT', `references in a circle: ${names.join(', ')}`)
}
