import { opendir } from 'node:fs/promises'
import { messageOf } from '../errors.ts'
import type { Log } from '../telemetry.ts'
import { withFilledIndex } from './fill-thread.ts'
import type { ForgivingIndex } from './forgiving-index.ts'
import type { Layout } from './layout.ts'
import type { Origin } from './origin.ts'
import { type RebuildResult, readCacheInto } from './rebuild.ts'

export interface UpkeepOptions {
  readonly index: ForgivingIndex
  readonly layout: Layout
  readonly origin: Origin
  readonly log: Log
  /** Takes a NAR, with the narinfos that promise it, out of `cache/` and the index. */
  readonly remove: (file: string) => Promise<void>
  /** The same for one that is damaged, which is not deleted where it was pushed here. */
  readonly lose: (file: string, what: string) => Promise<unknown>
  /** Hears why `cache/` could not be read. */
  readonly onFault: (error: unknown) => void
}

/** What broke a rebuild may still be there, and reading a large cache takes its time. */
const pauseMs = 60_000
/** With fewer NARs than this, an index is faster rebuilt at once than by a thread. */
const smallCache = 4096

/** Sees to it that the index is brought in step with `cache/` whenever it may not be. */
export class IndexUpkeep {
  readonly #options: UpkeepOptions
  readonly #stopping = new AbortController()
  #rebuilding: Promise<void> = Promise.resolve()
  #isRebuilding = false
  #rebuildAfter = Number.NEGATIVE_INFINITY
  #isRead = true

  constructor(options: UpkeepOptions) {
    this.#options = options
  }

  /** True once all of `cache/` was read into the index, or need not be. */
  get isRead(): boolean {
    return this.#isRead
  }

  /** True when the index knows of all that is in `cache/`, and nothing more. */
  get isInStep(): boolean {
    return this.#isRead && this.#options.index.isInStep
  }

  /** Settles when the rebuild that runs now has ended, well or not. */
  get settled(): Promise<void> {
    return this.#rebuilding
  }

  /** Begins a rebuild where one is due and none runs. */
  rebuildWhereNeeded(): void {
    const { index, onFault } = this.#options
    const now = performance.now()
    if (this.#isRebuilding || index.isInStep || index.isReadOnly || now < this.#rebuildAfter) return
    if (!index.beginRebuild()) return
    this.#isRebuilding = true
    this.#rebuilding = this.#rebuild()
      .catch((error: unknown) => {
        index.failRebuild()
        onFault(error)
      })
      .finally(() => {
        this.#isRebuilding = false
        this.#rebuildAfter = performance.now() + pauseMs
      })
  }

  /** Ends the rebuild that runs, and the index with it: `isRead` says whether it was done. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#rebuilding
  }

  async #rebuild(): Promise<void> {
    const { index, layout, origin, log, remove, lose } = this.#options
    const { signal } = this.#stopping
    this.#isRead = false
    const filled = (await isSmall(layout.nars)) ? undefined : await this.#fill()
    if (signal.aborted) return
    let found = filled?.found
    if (!found || filled?.strays) {
      const readTime = (ms: number) => Math.min(ms, Date.now())
      const more = await readCacheInto({ index, layout, signal, readTime, remove, lose })
      if (signal.aborted) return
      found = found ? addUp(found, more) : more
    }
    await origin.readMarks(signal)
    if (signal.aborted) return
    this.#isRead = true
    index.noteWhole()
    if (Object.values(found).some((count) => count > 0))
      log.info({ ...found, ...filled?.took }, 'brought the index in step with cache/')
  }

  /**
   * Has a new index made of a large `cache/`.
   *
   * @returns undefined when the index there is must be mended instead
   */
  async #fill() {
    const { index, layout, log, remove } = this.#options
    const { signal } = this.#stopping
    if (!index.beginFill()) return undefined
    try {
      return await withFilledIndex(layout, signal, async (filled) => {
        const { path, narinfos, nars, bytes, strays, scanMs, sortMs } = filled
        const gone = await index.takeOver(path)
        if (!gone) return undefined
        // Their narinfos, of which the index knew nothing then, may still stand in cache/.
        for (const file of gone) if (!index.nar(file)) await remove(file)
        const found: RebuildResult = { narinfos, nars, bytes, removed: 0, lost: 0 }
        return { found, strays, took: { scanMs, sortMs } }
      })
    } catch (error) {
      if (!signal.aborted)
        log.warn(
          { code: 'INDEX_LOST' },
          `could not make a new index at one go, mending the old one instead: ${messageOf(error)}`,
        )
      return undefined
    } finally {
      index.endFill()
    }
  }
}

function addUp(one: RebuildResult, two: RebuildResult): RebuildResult {
  return {
    narinfos: one.narinfos + two.narinfos,
    nars: one.nars + two.nars,
    bytes: one.bytes + two.bytes,
    removed: one.removed + two.removed,
    lost: one.lost + two.lost,
  }
}

async function isSmall(directory: string): Promise<boolean> {
  let entries = 0
  for await (const _ of await opendir(directory)) {
    entries += 1
    if (entries > smallCache) return false
  }
  return true
}
