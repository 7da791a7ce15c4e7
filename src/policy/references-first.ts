import type { StoreHash } from '../nix/store-path.ts'

interface Referring {
  readonly references: readonly StoreHash[]
}

/**
 * Orders paths so that each comes after all it refers to, and in exactly the order in which Nix
 * fetches a closure one by one: depth first, beginning with the lowest hash (`topoSortPaths` in
 * libstore/misc.cc, reversed by `copyPaths` in libstore/store-api.cc).
 *
 * A generator, so that the caller may let others work in between.
 *
 * @param paths references in Nix's order; those that are not among the paths are passed over
 */
export function* referencesFirst<Path extends Referring>(
  paths: ReadonlyMap<StoreHash, Path>,
): Generator<Path> {
  const met = new Set<StoreHash>()
  for (const start of [...paths.keys()].sort()) {
    if (met.has(start)) continue
    met.add(start)
    const way = [{ path: paths.get(start) as Path, next: 0 }]
    for (let step = way.at(-1); step; step = way.at(-1)) {
      const reference = step.path.references[step.next++]
      if (reference === undefined) {
        way.pop()
        yield step.path
        continue
      }
      const path = met.has(reference) ? undefined : paths.get(reference)
      if (!path) continue
      met.add(reference)
      way.push({ path, next: 0 })
    }
  }
}
