import { existsSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as nextRound } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { LRUCache } from 'lru-cache'
import { messageOf } from '../errors.ts'
import type { StoreHash } from '../nix/store-path.ts'
import type { Log } from '../telemetry.ts'
import { MiB } from '../units.ts'
import { syncDirectoryNow, syncFile } from './durable.ts'
import { IndexChanges } from './index-changes.ts'
import { facts } from './index-schema.ts'
import {
  isLostIndex,
  type NarAge,
  type NarinfoEntry,
  type NarinfoRecord,
  type NarRecord,
  SqliteIndex,
} from './sqlite-index.ts'

const complainEveryMs = 60_000
/**
 * What is written in this time is committed as one: a cold closure writes three rows for each path,
 * and each commit of its own costs as much as writing ten. A crash loses it; but after a crash
 * `cache/` is read anew anyway, and a narinfo without its NAR is asked for again.
 */
const commitEveryMs = 100
/** Characters of narinfos read or written last that are at hand: a path is looked up ten times while it is fetched. */
const maxRecent = MiB

/**
 * The index, which no request may fail for: everything in it can be found again. What it cannot
 * answer it does not know; what it cannot write it forgets. A broken one is replaced by a new one.
 */
export class ForgivingIndex {
  readonly #path: string
  readonly #log: Log
  /** True where the index cannot be written: then nothing is, and what it cannot tell stays unknown. */
  readonly isReadOnly: boolean
  #index: SqliteIndex | undefined
  #isInStep: boolean
  /** Kept while an index is filled that will take this one's place. */
  #changes: IndexChanges | undefined
  #complainedAt = Number.NEGATIVE_INFINITY
  #commit: NodeJS.Timeout | undefined
  /** Narinfos whose row waits for the next commit. */
  readonly #uncommitted = new Set<StoreHash>()
  /** What the index says of narinfos read or written last; nothing where that may not be so. */
  readonly #recent = new LRUCache<StoreHash, NarinfoEntry>({
    maxSize: maxRecent,
    sizeCalculation: ({ text, original }) =>
      1 + (text ?? '').length + (original?.text ?? '').length,
  })

  private constructor(path: string, log: Log, isReadOnly: boolean) {
    this.#path = path
    this.#log = log
    this.isReadOnly = isReadOnly
    this.#index = this.#open()
    this.#isInStep = this.fact(facts.inStep) !== undefined
    // Durably, so that a power cut cannot bring back a claim that is no longer true.
    if (this.#isInStep) this.#write((index) => index.deleteFact(facts.inStep))
  }

  static open(path: string, log: Log, isReadOnly = false): ForgivingIndex {
    return new ForgivingIndex(path, log, isReadOnly)
  }

  /**
   * False when the index may not say what `cache/` holds: it is new, the last process did not end
   * well, or something could not be written.
   */
  get isInStep(): boolean {
    return this.#isInStep
  }

  /**
   * To be called before `cache/` is read into the index.
   *
   * @returns false when there is no index to read it into; to be tried again later
   */
  beginRebuild(): boolean {
    this.#index ??= this.#open()
    if (!this.#index) return false
    this.#isInStep = true
    return true
  }

  /** To be called when `cache/` could not be read into it: that is to be tried again. */
  failRebuild(): void {
    this.#isInStep = false
  }

  /** To be called when all of `cache/` was read into it. */
  noteWhole(): void {
    this.#write((index) => index.putFact(facts.wasWhole, 'yes'))
  }

  /**
   * Begins to note what requests change, so that an index filled meanwhile can take over.
   *
   * @returns false when what is in the index is worth more than that
   */
  beginFill(): boolean {
    if (this.fact(facts.wasWhole) !== undefined) return false
    this.#changes = this.#try((index) => IndexChanges.of(index))
    return this.#changes !== undefined
  }

  /** To be called when nothing took over after all. */
  endFill(): void {
    this.#changes = undefined
  }

  /**
   * Puts an index that was filled from `cache/` in the place of this one, with what requests have
   * put here since `beginFill`.
   *
   * @param path of an index that nobody has open; it is moved away
   * @returns the NARs that went meanwhile; undefined when this index was itself replaced
   * @throws the database's or the system's error; then this index stays
   */
  async takeOver(path: string): Promise<string[] | undefined> {
    const changes = this.#changes
    const gone: string[] = []
    const filled = SqliteIndex.open(path, 'scratch')
    try {
      // Twice: syncing a large file takes a while, syncing it once more does not.
      for (let round = 0; round < 2; round += 1) {
        while (changes && changes === this.#changes && changes.count > 0 && this.#index) {
          gone.push(...changes.take(this.#index)(filled))
          await nextRound()
        }
        await syncFile(path)
      }
    } finally {
      filled.close()
    }
    const live = this.#index
    if (!changes || changes !== this.#changes || !live) return undefined
    this.#recent.clear()
    // In one step from here on, so that no request meets an index that is not there.
    const rest = changes.take(live, changes.count)
    this.#changes = undefined
    this.#index = undefined
    try {
      live.close()
      renameSync(path, this.#path)
      // A log of the new index must not survive a power cut beside the old one.
      syncDirectoryNow(dirname(this.#path))
    } finally {
      this.#index = this.#open()
    }
    gone.push(...(this.#try(rest) ?? []))
    // Another one was made where the new one could not be opened.
    if (this.fact(facts.wasWhole) === undefined) this.#isInStep = false
    return gone
  }

  /** @returns undefined also for one whose text stands in `cache/` only */
  narinfo(hash: StoreHash): NarinfoRecord | undefined {
    const entry = this.entry(hash)
    return entry && hasText(entry) ? entry : undefined
  }

  /** True when it misses nothing, and has the same of this path. */
  knows(record: NarinfoRecord): boolean {
    if (!this.#isInStep || this.#changes) return false
    return isDeepStrictEqual(this.narinfo(record.hash), record)
  }

  /** @returns the same object for as long as nothing changes of it, nearly always */
  entry(hash: StoreHash): NarinfoEntry | undefined {
    const recent = this.#recent.get(hash)
    if (recent) return recent
    const entry = this.#try((index) => index.entry(hash))
    if (entry) this.#recent.set(hash, entry)
    return entry
  }

  hashesOfFile(file: string): StoreHash[] {
    return this.#try((index) => index.hashesOfFile(file)) ?? []
  }

  hashesOfOriginal(file: string): StoreHash[] {
    return this.#try((index) => index.hashesOfOriginal(file)) ?? []
  }

  putNarinfo(record: NarinfoRecord): void {
    this.#changes?.noteNarinfo(record.hash)
    this.#recent.delete(record.hash)
    this.#write((index) => index.putNarinfo(record))
    this.#uncommitted.add(record.hash)
  }

  addNarinfo(record: NarinfoEntry): void {
    this.#changes?.noteNarinfo(record.hash)
    this.#recent.delete(record.hash)
    this.#write((index) => index.addNarinfo(record))
  }

  deleteNarinfo(hash: StoreHash): void {
    this.#changes?.noteNarinfo(hash)
    this.#recent.delete(hash)
    this.#write((index) => index.deleteNarinfo(hash))
  }

  nar(file: string): NarRecord | undefined {
    return this.#try((index) => index.nar(file))
  }

  putNar(record: NarRecord, readAt: number): void {
    this.#changes?.noteNar(record.file)
    this.#write((index) => index.putNar(record, readAt))
  }

  confirmNar(file: string, narHash: string): void {
    this.#changes?.noteNar(file)
    this.#write((index) => index.confirmNar(file, narHash))
  }

  deleteNar(file: string): void {
    this.#changes?.noteNar(file)
    this.#write((index) => index.deleteNar(file))
  }

  narsToRepack(limit: number): string[] {
    return this.#try((index) => index.narsToRepack(limit)) ?? []
  }

  countToRepack(): number {
    return this.#try((index) => index.countToRepack()) ?? 0
  }

  leaveUnpacked(file: string): void {
    this.#write((index) => index.leaveUnpacked(file))
  }

  supersede(file: string, now: number): void {
    this.#write((index) => index.supersede(file, now))
  }

  reinstate(file: string): void {
    this.#write((index) => index.reinstate(file))
  }

  supersededNars(until: number, limit: number): string[] {
    return this.#try((index) => index.supersededNars(until, limit)) ?? []
  }

  touch(readAt: ReadonlyMap<string, number>): void {
    this.#changes?.noteReads(readAt)
    this.#write((index) => index.touch(readAt))
  }

  narsByAge(after: NarAge | undefined, limit: number, isOrigin = false): NarAge[] {
    return this.#try((index) => index.narsByAge(after, limit, isOrigin)) ?? []
  }

  narsByName(after: string, limit: number): string[] {
    return this.#try((index) => index.narsByName(after, limit)) ?? []
  }

  newestRead(): number {
    return this.#try((index) => index.newestRead()) ?? 0
  }

  totalBytes(): number {
    return this.#try((index) => index.totalBytes()) ?? 0
  }

  originBytes(): number {
    return this.#try((index) => index.originBytes()) ?? 0
  }

  markOrigin(file: string, isOrigin: boolean): void {
    this.#write((index) => index.markOrigin(file, isOrigin))
  }

  fact(name: string): string | undefined {
    return this.#try((index) => index.fact(name))
  }

  /** Commits what was written of a narinfo, unless it was: something is to follow that relies on it. */
  settle(hash: StoreHash): void {
    if (this.#uncommitted.has(hash)) this.commit()
  }

  /** Commits what was written, for what is to follow that relies on it. */
  commit(): void {
    clearTimeout(this.#commit)
    this.#commit = undefined
    this.#uncommitted.clear()
    this.#try((index) => index.commit())
  }

  /** Does `work` as one step; when that fails, a later rebuild makes up for it. */
  transaction(work: () => void): void {
    this.#write((index) => index.transaction(work))
  }

  /** @param isComplete whether all of `cache/` was read into it */
  close(isComplete: boolean): void {
    clearTimeout(this.#commit)
    if (isComplete && this.#isInStep) this.#write((index) => index.putFact(facts.inStep, 'yes'))
    this.#try((index) => index.close())
    this.#index = undefined
  }

  #try<T>(work: (index: SqliteIndex) => T): T | undefined {
    const index = this.#index
    if (!index) return undefined
    try {
      return work(index)
    } catch (error) {
      this.#isInStep = false
      this.#recent.clear() // SQLite may have rolled a whole batch back
      const isLost = isLostIndex(error)
      this.#complain(isLost ? 'is lost and will be rebuilt' : 'cannot be used now', error)
      if (isLost && this.#index === index) this.#replace(index)
      return undefined
    }
  }

  #write(work: (index: SqliteIndex) => void): void {
    if (this.isReadOnly) return
    this.#try((index) => {
      index.beginBatch()
      work(index)
    })
    this.#commit ??= setTimeout(() => this.commit(), commitEveryMs).unref()
  }

  #replace(broken: SqliteIndex): void {
    this.#index = undefined
    this.#changes = undefined
    try {
      broken.close()
    } catch {
      // What is thrown away need not be closed well.
    }
    // One that opens well may be broken further in: opened again, it would break again.
    this.#index = this.#open(renew)
  }

  #open(open = openOrRenew): SqliteIndex | undefined {
    try {
      return this.isReadOnly ? openToRead(this.#path) : open(this.#path)
    } catch (error) {
      this.#complain('cannot be opened; narwhal goes on without it', error)
      return undefined
    }
  }

  #complain(what: string, error: unknown): void {
    const now = performance.now()
    if (now - this.#complainedAt < complainEveryMs) return
    this.#complainedAt = now
    this.#log.warn({ code: 'INDEX_LOST' }, `the index ${what}: ${messageOf(error)}`)
  }
}

function hasText(entry: NarinfoEntry): entry is NarinfoRecord {
  return entry.text !== undefined
}

/** @returns undefined when there is none, or none that can be read without mending it first */
function openToRead(path: string): SqliteIndex | undefined {
  if (!existsSync(path) || existsSync(`${path}-wal`)) return undefined
  return SqliteIndex.open(path, 'read-only')
}

function openOrRenew(path: string): SqliteIndex {
  try {
    return SqliteIndex.open(path)
  } catch (error) {
    if (!isLostIndex(error)) throw error
    return renew(path)
  }
}

function renew(path: string): SqliteIndex {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
  return SqliteIndex.open(path)
}
