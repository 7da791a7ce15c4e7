import { opendir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isStoreHash, type StoreHash } from '../nix/store-path.ts'
import { parseNarFile } from '../policy/nar-file.ts'
import type { ForgivingIndex } from './forgiving-index.ts'
import { type Layout, narinfoSuffix } from './layout.ts'
import { readNarinfo, sizesPromisedBy } from './narinfo-file.ts'
import { parseOrSkip } from './scan-cache.ts'

export interface RebuildResult {
  /** New to the index. */
  readonly narinfos: number
  readonly nars: number
  readonly bytes: number
  /** Narinfos taken out of `cache/` because their NAR is not there, and NARs cut short. */
  readonly removed: number
  /** NARs the index knew that are not there any more. */
  readonly lost: number
}

export interface RebuildParts {
  readonly index: ForgivingIndex
  readonly layout: Layout
  readonly signal: AbortSignal
  /** Turns a file's time into the time it counts as read, both in milliseconds since 1970. */
  readonly readTime: (ms: number) => number
  /** Takes a NAR, with the narinfos that promise it, out of `cache/` and the index. */
  readonly remove: (file: string) => Promise<void>
  /** The same for one that is damaged, which is not deleted where it was pushed here. */
  readonly lose: (file: string, what: string) => Promise<unknown>
}

const batchSize = 256
/** Names remembered at most; after a crash there are a few. */
const maxFound = 50_000

/**
 * Brings the index in step with `cache/`, while requests are served. What the index knows already
 * is not read again; what requests put into it meanwhile is newer and stays. Files that are neither
 * narinfo nor NAR are left alone.
 *
 * @throws the system's error when a directory cannot be read
 */
export async function readCacheInto(parts: RebuildParts): Promise<RebuildResult> {
  // NARs first: a narinfo may stand in cache/ only beside its NAR.
  const { nars, bytes, empty, found } = await readNars(parts)
  const { narinfos, widows, misfits } = await readNarinfos(parts, found)
  const lost = await forgetLost(parts)
  return { narinfos, nars, bytes, removed: empty + widows + misfits, lost }
}

async function readNars({ index, layout, signal, readTime, lose }: RebuildParts) {
  let nars = 0
  let bytes = 0
  let empty = 0
  const found = new FoundNars()
  await eachBatch(layout.nars, signal, async (all) => {
    const names = all.filter((name) => parseNarFile(name) && !index.nar(name))
    const sizes = await Promise.all(
      names.map((name) => stat(join(layout.nars, name)).catch(() => undefined)),
    )
    const withoutBytes: string[] = []
    index.transaction(() => {
      for (const [at, file] of names.entries()) {
        const stats = sizes[at]
        if (!stats?.isFile() || index.nar(file)) continue
        if (stats.size === 0) {
          withoutBytes.push(file)
          continue
        }
        const nar = { file, bytes: stats.size, narHash: undefined }
        index.putNar(nar, readTime(Math.floor(stats.mtimeMs)))
        found.add(file)
        nars += 1
        bytes += stats.size
      }
    })
    for (const file of withoutBytes) await lose(file, 'is empty')
    empty += withoutBytes.length
  })
  return { nars, bytes, empty, found }
}

async function readNarinfos(parts: RebuildParts, found: FoundNars) {
  const { index, layout, signal } = parts
  const ofOtherLength: Stray[] = []
  let narinfos = 0
  let widows = 0
  let misfits = 0
  await eachBatch(layout.cache, signal, async (all) => {
    const hashes = all
      .filter((name) => name.endsWith(narinfoSuffix))
      .map((name) => name.slice(0, -narinfoSuffix.length))
      .filter((hash) => isStoreHash(hash) && !isKnown(hash, index, found)) as StoreHash[]
    const texts = await Promise.all(
      hashes.map((hash) => readFile(layout.narinfo(hash), 'utf8').catch(() => undefined)),
    )
    const withoutNar: Stray[] = []
    index.transaction(() => {
      for (const [at, hash] of hashes.entries()) {
        const text = texts[at]
        const info = text === undefined ? undefined : parseOrSkip(text)
        if (text === undefined || info?.storePath.hash !== hash) continue
        if (!info.url.startsWith('nar/')) continue
        const file = info.url.slice('nar/'.length)
        const nar = index.nar(file)
        // Where it stands beside its NAR, that is where its text is.
        const kept = nar ? undefined : text
        index.addNarinfo({ hash, text: kept, file, upstream: undefined, upstreamUrl: undefined })
        narinfos += 1
        if (!nar) withoutNar.push({ hash, file })
        // The length was taken from the file itself, which may have been cut short meanwhile.
        else if (info.fileSize !== undefined && info.fileSize !== nar.bytes)
          ofOtherLength.push({ hash, file })
      }
    })
    for (const { hash, file } of withoutNar) {
      if ((await exists(layout.nar(file))) !== false) continue
      await rm(layout.narinfo(hash), { force: true })
      widows += 1
    }
    if (ofOtherLength.length > maxFound) misfits += await judge(ofOtherLength.splice(0), parts)
  })
  misfits += await judge(ofOtherLength, parts)
  return { narinfos, widows, misfits }
}

/**
 * Takes out NARs that are not as long as any narinfo says, and else the narinfos that are wrong: no
 * signature covers which file they lead to.
 *
 * @returns how many of either
 */
async function judge(strays: readonly Stray[], { index, layout, lose }: RebuildParts) {
  const lost = new Set<string>()
  for (const { hash, file } of strays) {
    if (lost.has(file)) continue
    const nar = index.nar(file)
    const leading = await Promise.all(
      index.hashesOfFile(file).map((it) => index.narinfo(it) ?? readNarinfo(layout, it)),
    )
    const promised = sizesPromisedBy(leading.filter((record) => record !== undefined))
    if (nar && !promised.includes(nar.bytes)) {
      await lose(file, 'is not as long as its narinfo says')
      lost.add(file)
    } else {
      index.deleteNarinfo(hash)
      await rm(layout.narinfo(hash), { force: true })
    }
  }
  return strays.length
}

interface Stray {
  readonly hash: StoreHash
  readonly file: string
}

/** NARs that the index did not know: how long they are was never held against their narinfos. */
class FoundNars {
  readonly #files = new Set<string>()
  #count = 0

  add(file: string): void {
    this.#count += 1
    if (this.#count <= maxFound) this.#files.add(file)
  }

  /** Of more than can be remembered, any file may be one. */
  mayHave(file: string): boolean {
    return this.#count > maxFound || this.#files.has(file)
  }
}

/** True when the index knows this narinfo, and knew its NAR before. */
function isKnown(hash: string, index: ForgivingIndex, found: FoundNars): boolean {
  const record = index.entry(hash as StoreHash)
  if (record === undefined || found.mayHave(record.file)) return false
  return index.nar(record.file) !== undefined
}

async function forgetLost({ index, layout, signal, remove }: RebuildParts): Promise<number> {
  let lost = 0
  let last = ''
  for (;;) {
    const files = index.narsByName(last, batchSize)
    if (files.length === 0 || signal.aborted) return lost
    const there = await Promise.all(files.map((file) => exists(layout.nar(file))))
    for (const [at, file] of files.entries()) {
      last = file
      if (there[at] !== false) continue
      await remove(file)
      lost += 1
    }
  }
}

/** @returns undefined when nobody can say */
async function exists(path: string): Promise<boolean | undefined> {
  try {
    await stat(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? false : undefined
  }
}

async function eachBatch(
  directory: string,
  signal: AbortSignal,
  work: (names: string[]) => Promise<void>,
): Promise<void> {
  let names: string[] = []
  for await (const entry of await opendir(directory, { bufferSize: batchSize })) {
    if (signal.aborted) return
    names.push(entry.name)
    if (names.length < batchSize) continue
    await work(names)
    names = []
  }
  if (names.length > 0 && !signal.aborted) await work(names)
}
