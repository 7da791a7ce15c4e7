import type { StoreHash } from '../nix/store-path.ts'

/** What fetching ahead needs to know of a path. */
export interface PathFacts {
  readonly hash: StoreHash
  /** Other paths it refers to, in Nix's order; never itself. */
  readonly references: readonly StoreHash[]
  /** Name of its NAR file below `nar/`. */
  readonly file: string
  /** Of that file; an upper bound where the narinfo does not say. */
  readonly bytes: number
}

const hashLength = 32
const newline = 0x0a
const space = 0x20

/**
 * Reads from a narinfo what it refers to. Only for texts that narwhal hands out: they were parsed
 * before and are written in one way, so this may be quick, as it happens for each narinfo of a closure.
 *
 * @param own the path's own hash, which is left out
 */
export function referencesIn(narinfo: Buffer, own: StoreHash): StoreHash[] {
  const references: StoreHash[] = []
  let at = startOf(narinfo, 'References')
  if (at < 0) return references
  const end = narinfo.indexOf(newline, at)
  while (at < end) {
    // A copy: a slice of the text would keep all of it in memory.
    const hash = narinfo.toString('latin1', at, at + hashLength) as StoreHash
    if (hash !== own) references.push(hash)
    const gap = narinfo.indexOf(space, at)
    if (gap < 0 || gap > end) break
    at = gap + 1
  }
  return references
}

/**
 * @param narinfo a text narwhal hands out
 * @returns undefined when it is none
 */
export function factsIn(narinfo: Buffer, hash: StoreHash): PathFacts | undefined {
  const url = fieldIn(narinfo, 'URL')
  const bytes = Number(fieldIn(narinfo, 'FileSize') ?? fieldIn(narinfo, 'NarSize'))
  if (!url?.startsWith('nar/') || !Number.isSafeInteger(bytes)) return undefined
  return { hash, references: referencesIn(narinfo, hash), file: url.slice('nar/'.length), bytes }
}

function fieldIn(narinfo: Buffer, name: string): string | undefined {
  const start = startOf(narinfo, name)
  return start < 0 ? undefined : narinfo.toString('latin1', start, narinfo.indexOf(newline, start))
}

/** @returns where the field's value begins; negative when there is no such field */
function startOf(narinfo: Buffer, name: string): number {
  const mark = `\n${name}: `
  const at = narinfo.indexOf(mark, 0, 'latin1')
  return at < 0 ? -1 : at + mark.length
}
