import { opendirSync } from 'node:fs'
import { access, mkdir, opendir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { StoreHash } from '../nix/store-path.ts'
import { parseNarFile } from '../policy/nar-file.ts'
import { moveInto, syncDirectory, syncFile, writeWhole } from './durable.ts'
import type { ForgivingIndex } from './forgiving-index.ts'
import type { Layout } from './layout.ts'
import { writeNarinfo } from './narinfo-file.ts'
import type { NarinfoRecord } from './sqlite-index.ts'
import type { Turns } from './turns.ts'

export interface OriginParts {
  readonly layout: Layout
  readonly index: ForgivingIndex
  readonly turns: Turns
  /** Says when something read now counts as read. */
  readonly readTime: (now: number) => number
  /** Takes a NAR, with the narinfos that promise it, out of `cache/`. */
  readonly remove: (file: string) => Promise<void>
}

/** A NAR that was pushed and checked, and does not have its place yet. */
export interface PushedNar {
  readonly path: string
  readonly bytes: number
}

/**
 * What was pushed here: no upstream may have it, so it is never evicted. A mark beside `cache/`, in a
 * file named as the NAR, says so; the index only remembers it, to be quick.
 *
 * A mark comes after the narinfo and goes before it, so that it stands for a whole path.
 */
export class Origin {
  readonly #parts: OriginParts
  #isEmpty: boolean

  constructor(parts: OriginParts) {
    this.#parts = parts
    this.#isEmpty = isEmptyDirectory(parts.layout.origin)
  }

  /** True when nothing was ever pushed here. */
  get isEmpty(): boolean {
    return this.#isEmpty
  }

  /** True when this NAR was pushed here. Who cannot know says yes: it must not be deleted. */
  async isMarked(file: string): Promise<boolean> {
    const { index, layout } = this.#parts
    if (this.#isEmpty) return false
    if (index.nar(file)?.isOrigin) return true
    const isThere = (await isFileThere(layout.originMark(file))) !== false
    // An index that was made anew does not know it.
    if (isThere) index.markOrigin(file, true)
    return isThere
  }

  /**
   * Gives what was pushed its place: the NAR, unless it has it, its narinfo, then the mark.
   *
   * @param nar undefined where the NAR stands in `cache/` already, checked against the same NarHash
   * @returns false when that NAR has gone meanwhile
   * @throws the system's error; then nothing new stands there
   */
  async publish(
    record: NarinfoRecord,
    { nar, narHash, now }: { nar: PushedNar | undefined; narHash: string; now: number },
  ): Promise<boolean> {
    const { index, layout, turns, readTime, remove } = this.#parts
    const { file } = record
    if (nar) await syncFile(nar.path)
    let isNew = false
    try {
      return await turns.take(file, async () => {
        const isThere = index.nar(file)?.narHash === narHash
        if (!isThere && !nar) return false
        if (!isThere && nar) {
          isNew = index.nar(file) === undefined
          await moveInto(nar.path, layout.nar(file))
          index.putNar({ file, bytes: nar.bytes, narHash }, readTime(now))
        }
        await writeNarinfo(layout, record)
        index.putNarinfo(record)
        // It may be an original whose zstd form has taken its place for other paths.
        index.reinstate(file)
        await this.#mark(file)
        return true
      })
    } catch (error) {
      // After a failed sync nobody knows what the disk holds.
      if (isNew) await remove(file)
      throw error
    }
  }

  /** Marks the file that takes the place of one that was pushed, before it does. */
  async markLike(file: string, original: string): Promise<boolean> {
    if (!(await this.isMarked(original))) return false
    await this.#mark(file)
    return true
  }

  /** Marks what was pushed here and lost, once it has come back from elsewhere. */
  async markAgain(file: string): Promise<void> {
    const { index, turns } = this.#parts
    await turns.take(file, async () => {
      if (index.nar(file)) await this.#mark(file)
    })
  }

  /** Lets the index know of a mark that came before its NAR. */
  noteMark(file: string): void {
    this.#parts.index.markOrigin(file, true)
  }

  /** Takes the mark away: from here on the NAR may be evicted. */
  async unmark(file: string): Promise<void> {
    const { index, layout } = this.#parts
    if (this.#isEmpty) return
    await rm(layout.originMark(file), { force: true })
    index.markOrigin(file, false)
  }

  /** Deletes what goes with a path that is deleted: its listing. */
  async forgetListing(hash: StoreHash): Promise<void> {
    await rm(join(this.#parts.layout.cache, `${hash}.ls`), { force: true })
  }

  /**
   * Moves what was pushed out of `cache/` where it looks damaged: a disk may be wrong about that, and
   * there is no other copy.
   *
   * @returns where it is, or would be; undefined for what was not pushed
   */
  async setAside(file: string): Promise<string | undefined> {
    const { layout } = this.#parts
    if (!(await this.isMarked(file))) return undefined
    const aside = this.asideOf(file)
    await mkdir(dirname(aside), { recursive: true }).catch(() => undefined)
    await rename(layout.nar(file), aside).catch(() => undefined)
    return aside
  }

  /** Where a pushed NAR goes that looks damaged. */
  asideOf(file: string): string {
    return join(this.#parts.layout.root, 'quarantine', file)
  }

  /**
   * Brings marks and index in step after a crash: marks are noted in the index, and those go whose
   * NAR is gone, or has been replaced by its zstd form.
   */
  async readMarks(signal: AbortSignal): Promise<void> {
    const { index, layout, turns } = this.#parts
    if (this.#isEmpty) return
    for await (const { name: file } of await opendir(layout.origin)) {
      if (signal.aborted) return
      if (!parseNarFile(file)) continue
      await turns.take(file, async () => {
        const isReplaced =
          index.hashesOfFile(file).length === 0 && index.hashesOfOriginal(file).length > 0
        if (isReplaced || (await isFileThere(layout.nar(file))) === false) await this.unmark(file)
        else index.markOrigin(file, true)
      })
    }
  }

  async #mark(file: string): Promise<void> {
    const { index, layout } = this.#parts
    this.#isEmpty = false
    const mark = layout.originMark(file)
    if ((await isFileThere(mark)) === true) await syncDirectory(dirname(mark))
    else await writeWhole(mark, join(layout.temporary, `${file}.mark`), '')
    index.markOrigin(file, true)
  }
}

/** @returns undefined when nobody can say */
async function isFileThere(path: string): Promise<boolean | undefined> {
  try {
    await access(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? false : undefined
  }
}

function isEmptyDirectory(path: string): boolean {
  try {
    const directory = opendirSync(path)
    try {
      return directory.readSync() === null
    } finally {
      directory.closeSync()
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
