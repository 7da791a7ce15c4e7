import type { StoreHash } from '../nix/store-path.ts'
import type { SqliteIndex } from './sqlite-index.ts'

/** So many rows at a time are carried over before requests have their turn again. */
const carriedAtOnce = 100
/** An index that holds more than this was no new one when it began to be filled. */
const maxRows = 20_000

/**
 * What requests changed in an index while another one, which takes its place, is filled from
 * `cache/`. It is newer than what was read there.
 */
export class IndexChanges {
  readonly #narinfos: Set<StoreHash>
  readonly #nars: Set<string>
  readonly #readAt = new Map<string, number>()

  private constructor(narinfos: readonly StoreHash[], nars: readonly string[]) {
    this.#narinfos = new Set(narinfos)
    this.#nars = new Set(nars)
  }

  /**
   * Begins with all that is in the index already.
   *
   * @returns undefined when that is much
   */
  static of(index: SqliteIndex): IndexChanges | undefined {
    const narinfos = index.hashes(maxRows)
    const nars = index.narsByName('', maxRows)
    if (narinfos.length === maxRows || nars.length === maxRows) return undefined
    return new IndexChanges(narinfos, nars)
  }

  /** How many are still to be carried over. */
  get count(): number {
    return this.#narinfos.size + this.#nars.size + this.#readAt.size
  }

  noteNarinfo(hash: StoreHash): void {
    this.#narinfos.add(hash)
  }

  noteNar(file: string): void {
    this.#nars.add(file)
  }

  /** @param readAt milliseconds since 1970, by file */
  noteReads(readAt: ReadonlyMap<string, number>): void {
    for (const [file, at] of readAt) this.#readAt.set(file, at)
  }

  /**
   * Reads some of the changes, which then count as carried over.
   *
   * @returns what puts them into another index; it names the NARs among them that are gone
   */
  take(from: SqliteIndex, limit = carriedAtOnce): (to: SqliteIndex) => string[] {
    const narinfos = takeKeys(this.#narinfos, limit).map((hash) => ({
      hash,
      entry: from.entry(hash),
    }))
    const nars = takeKeys(this.#nars, limit).map((file) => ({ file, nar: from.nar(file) }))
    const readAt = new Map<string, number>()
    for (const [file, at] of this.#readAt) if (readAt.size < limit) readAt.set(file, at)
    for (const file of readAt.keys()) this.#readAt.delete(file)
    return (to) => {
      to.transaction(() => {
        for (const { hash, entry } of narinfos)
          if (entry) to.putNarinfo(entry)
          else to.deleteNarinfo(hash)
        for (const { file, nar } of nars)
          if (nar) to.putNar(nar, nar.readAt)
          else to.deleteNar(file)
      })
      to.touch(readAt)
      return nars.filter(({ nar }) => !nar).map(({ file }) => file)
    }
  }
}

/** Takes some keys out. */
function takeKeys<Key>(
  from: { keys(): Iterable<Key>; delete(key: Key): unknown },
  limit: number,
): Key[] {
  const some: Key[] = []
  for (const key of from.keys()) {
    if (some.length === limit) break
    some.push(key)
    from.delete(key)
  }
  return some
}
