import { rm } from 'node:fs/promises'
import type { StoreHash } from '../nix/store-path.ts'
import type { Download } from './download.ts'
import { moveInto } from './durable.ts'
import type { ForgivingIndex } from './forgiving-index.ts'
import type { Layout } from './layout.ts'
import { readNarinfo, writeNarinfo } from './narinfo-file.ts'
import type { NarinfoEntry, NarinfoRecord } from './sqlite-index.ts'
import type { Turns } from './turns.ts'

export interface CacheWriterParts {
  readonly layout: Layout
  readonly index: ForgivingIndex
  readonly turns: Turns
  /** Says when something read now counts as read. */
  readonly readTime: (now: number) => number
}

/**
 * Gives NARs and narinfos their place in `cache/`, so that whatever a crash cuts short is no lie: the
 * index knows of a NAR before it is there, and it counts against the limit; of a narinfo too, or an
 * eviction would leave it behind; and a narinfo comes after its NAR.
 */
export class CacheWriter {
  readonly #parts: CacheWriterParts

  constructor(parts: CacheWriterParts) {
    this.#parts = parts
  }

  /**
   * Moves a NAR whose bytes are synced into `cache/`, then writes the narinfos that promise it.
   *
   * @param narHash it was held against; undefined where only the hash of the file was checked
   * @throws the system's error
   */
  async publish(
    { path, written: bytes }: Pick<Download, 'path' | 'written'>,
    { file, narHash }: { readonly file: string; readonly narHash: string | undefined },
    narinfos: readonly NarinfoRecord[],
    now: number,
  ): Promise<void> {
    const { layout, index, turns, readTime } = this.#parts
    await turns.take(file, async () => {
      // Not as checked yet: what is not there must not pass for the NAR of a path pushed after a crash.
      index.putNar({ file, bytes, narHash: undefined }, readTime(now))
      index.commit()
      await moveInto(path, layout.nar(file)).catch((error: unknown) => {
        index.deleteNar(file)
        throw error
      })
      if (narHash !== undefined) index.confirmNar(file, narHash)
      for (const record of narinfos) await this.#put(record)
    })
  }

  /**
   * Writes narinfos beside their NAR, unless that was evicted a moment ago.
   *
   * @throws the system's error
   */
  async putBeside(file: string, narinfos: readonly NarinfoRecord[]): Promise<void> {
    const { index, turns } = this.#parts
    await turns.take(file, async () => {
      if (!index.nar(file)) return
      for (const record of narinfos) await this.#put(record)
    })
  }

  /**
   * Notes a narinfo in the index. One that leads elsewhere is taken out of `cache/` first: the eviction
   * of its NAR would not find it any more.
   *
   * @param isInStep false where one may stand in `cache/` that the index does not know yet
   * @throws the system's error; then the index still knows what it knew
   */
  async note(record: NarinfoRecord, isInStep: boolean): Promise<void> {
    const { layout, index, turns } = this.#parts
    const known = index.entry(record.hash)
    const before = known ?? (isInStep ? undefined : await readNarinfo(layout, record.hash))
    if (!before || before.file === record.file) {
      index.putNarinfo(record)
      return
    }
    await turns.take(before.file, async () => {
      const standing = await readNarinfo(layout, record.hash)
      if (standing && standing.file !== record.file)
        await rm(layout.narinfo(record.hash), { force: true })
      index.putNarinfo(record)
    })
  }

  /**
   * @returns where it led at last, as far as the index knew
   * @throws the system's error; the index has forgotten it all the same
   */
  async forget(hash: StoreHash): Promise<NarinfoEntry | undefined> {
    const { layout, index, turns } = this.#parts
    for (;;) {
      const file = index.entry(hash)?.file
      // In turn: who gives the NAR its place just now writes the narinfo once more.
      const { isMoved, entry } = await turns.take(file ?? hash, async () => {
        const entry = index.entry(hash)
        // It leads to the zstd form by now, which has a turn of its own.
        if (entry?.file !== file) return { isMoved: true, entry }
        index.deleteNarinfo(hash)
        await rm(layout.narinfo(hash), { force: true })
        return { isMoved: false, entry }
      })
      if (!isMoved) return entry
    }
  }

  async #put(record: NarinfoRecord): Promise<void> {
    const { layout, index } = this.#parts
    if (!index.knows(record)) index.putNarinfo(record)
    index.settle(record.hash)
    await writeNarinfo(layout, record)
  }
}
