import type { StatsFs } from 'node:fs'
import { rm, statfs } from 'node:fs/promises'
import type { StoreHash } from '../nix/store-path.ts'
import { parseNarFile } from '../policy/nar-file.ts'
import { bytesToEvict } from '../policy/room.ts'
import type { Log, Telemetry } from '../telemetry.ts'
import { type Amount, formatSize, KiB, resolveAmount } from '../units.ts'
import type { ForgivingIndex } from './forgiving-index.ts'
import type { KeptParts } from './kept-parts.ts'
import type { Layout } from './layout.ts'
import type { NarReader } from './nar-reader.ts'
import { readNarinfo, writeNarinfo } from './narinfo-file.ts'
import type { Origin } from './origin.ts'
import { asOriginal } from './repacked.ts'
import type { NarAge, NarinfoRecord } from './sqlite-index.ts'
import type { Turns } from './turns.ts'

const victimsPerBatch = 32
/** So long what the filesystem said counts for small files, less what was written since. */
const statfsMs = 250
/** Where others fill the disk meanwhile, so much is soon passed on without being kept. */
const smallBytes = 512 * KiB
/** A download needs its file, a narinfo's, and the index may need one. */
const filesPerDownload = 4

const unknownFilesystem = { bsize: 1, blocks: 0, bavail: 0 }

export interface RoomOptions {
  readonly layout: Layout
  readonly index: ForgivingIndex
  readonly maxSize: Amount
  readonly minFree: Amount
  /** One turn for each NAR file: what is in `cache/` of a file and its narinfos changes together. */
  readonly turns: Turns
  readonly origin: Origin
  readonly parts: KeptParts
  readonly log: Log
  readonly telemetry: Telemetry
}

/** The filesystem and what narwhal may take of it, in bytes. */
export interface Space {
  /** NARs kept. */
  readonly bytes: number
  /** Of these, what was pushed here and is never evicted. */
  readonly originBytes: number
  /** Promised to downloads that run now. */
  readonly reservedBytes: number
  readonly maxBytes: number
  readonly freeBytes: number
  readonly minFreeBytes: number
}

/** A promise of disk space to one download. */
export interface Reservation {
  /**
   * Asks for more, in all.
   *
   * @returns false when there is no room for it; the promise stays as it was
   */
  growTo(bytes: number): Promise<boolean>
  /** Holds room for no more than this from now on: all of it is written, and so the filesystem knows. */
  written(bytes: number): void
  /** Ends the promise: what was kept is counted as a file by now. Idempotent. */
  settle(): void
}

/**
 * Keeps the NARs within the limit and the filesystem above its floor: space is reserved before it
 * is written, and made by evicting what was read longest ago.
 */
export class DiskRoom {
  readonly #options: RoomOptions
  /** Reads not yet in the index: a write per read would cost more than it tells. */
  readonly #readAt = new Map<string, number>()
  #lastRead: number
  #reservedBytes = 0
  /** Of what is written and has no place yet. */
  #writtenBytes = 0
  #reservations = 0
  /** What the filesystem said last, less what downloads that ended since may have taken of it. */
  #filesystem: { readonly stats: StatsFs; readonly at: number } | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #isStopping = false

  constructor(options: RoomOptions) {
    this.#options = options
    this.#lastRead = options.index.newestRead()
  }

  get usedBytes(): number {
    return this.#options.index.totalBytes()
  }

  /**
   * As the filesystem was a moment ago.
   *
   * @throws the system's error
   */
  async space(): Promise<Space> {
    return this.#spaceOf(this.#recentFilesystem() ?? (await this.#readFilesystem()))
  }

  /** By what the filesystem said last; zeros where it has never said anything. */
  get lastSpace(): Space {
    return this.#spaceOf(this.#filesystem?.stats ?? unknownFilesystem)
  }

  #spaceOf({ bsize, blocks, bavail }: Pick<StatsFs, 'bsize' | 'blocks' | 'bavail'>): Space {
    const { index, maxSize, minFree } = this.#options
    return {
      bytes: index.totalBytes(),
      originBytes: index.originBytes(),
      reservedBytes: this.#reservedBytes,
      maxBytes: resolveAmount(maxSize, bsize * blocks),
      freeBytes: bsize * bavail,
      minFreeBytes: resolveAmount(minFree, bsize * blocks),
    }
  }

  /**
   * Says when a read at `now` counts as done: later than all before it, also when the clock has been
   * set back, so that the order of eviction never depends on the clock.
   *
   * @param now milliseconds since 1970
   */
  readTime(now: number): number {
    this.#lastRead = Math.max(now, this.#lastRead + 1)
    return this.#lastRead
  }

  /** Notes that a file was read, at `now` in milliseconds since 1970. */
  touch(file: string, now: number): void {
    this.#readAt.set(file, this.readTime(now))
  }

  flush(): void {
    if (this.#readAt.size === 0) return
    this.#options.index.touch(this.#readAt)
    this.#readAt.clear()
  }

  /**
   * Makes room and promises it.
   *
   * @returns undefined when no eviction can make enough room
   * @throws the system's error when the disk does not let it
   */
  async reserve(bytes: number): Promise<Reservation | undefined> {
    if (!(await this.#inTurn(() => this.#take(bytes)))) return undefined
    this.#reservations += 1
    let held = bytes
    let isOpen = true
    let isWritten = false
    return {
      growTo: (wanted) =>
        this.#inTurn(async () => {
          if (wanted <= held) return true
          if (!isOpen || !(await this.#take(wanted - held))) return false
          held = wanted
          return true
        }),
      written: (bytes) => {
        if (!isOpen || isWritten) return
        isWritten = true
        this.#reservations -= 1
        this.#reservedBytes -= held
        held = bytes
        this.#writtenBytes += held
        this.#noteTaken(held)
      },
      settle: () => {
        if (!isOpen) return
        isOpen = false
        if (isWritten) {
          this.#writtenBytes -= held
          return
        }
        this.#reservations -= 1
        this.#reservedBytes -= held
        this.#noteTaken(held)
      },
    }
  }

  /**
   * Evicts what is too much now: the limit may be new, and the filesystem is not ours alone.
   *
   * @throws the system's error
   */
  async keepLimits(): Promise<void> {
    await this.#options.parts.drop(0)
    await this.#inTurn(() => this.#take(0))
  }

  /** Ends what is being evicted, which without its index would leave narinfos behind. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#turn
  }

  /**
   * Takes a NAR off the disk, and before it the narinfos that promise it. What they say stays in
   * the index, so that the NAR's URL can still be answered.
   *
   * @param mayGo asked in the file's turn, where nothing else changes what leads to it
   * @throws the system's error
   */
  async remove(file: string, mayGo = async () => true): Promise<void> {
    await this.#options.turns.take(file, async () => {
      if (await mayGo()) await this.#removeNow(file)
    })
  }

  /**
   * Removes a NAR that is damaged, and says so; one that was pushed here is set aside.
   *
   * @param what is wrong with it
   * @param reader who found that, where it took a while
   * @returns false when its name leads to another file by now, which stays
   * @throws the system's error
   */
  async lose(file: string, what: string, reader?: NarReader): Promise<boolean> {
    const { index, layout, log, origin, turns } = this.#options
    const isPushed = await origin.isMarked(file)
    let originals: string[] = []
    const isLost = await turns.take(file, async () => {
      if (reader && !(await reader.isAt?.(layout.nar(file)))) return false
      const records = index.hashesOfFile(file).map((hash) => index.narinfo(hash))
      originals = records
        .flatMap((record) => record?.original?.file ?? [])
        .filter((original) => index.nar(original))
      const aside = await origin.setAside(file)
      if (originals.length > 0)
        log.warn({ file }, `nar/${file} ${what}; it will be made again of its original`)
      else if (aside === undefined)
        log.warn({ file }, `nar/${file} ${what}; it will be fetched again`)
      else
        log.error(
          { code: 'DISK', file },
          `nar/${file} ${what}; it was pushed here: push it again. What there is of it: ${aside}`,
        )
      await this.#removeNow(file)
      return true
    })
    // Not within the turn: who makes a zstd form has its original's turn already.
    if (isLost && isPushed) for (const original of originals) await origin.markAgain(original)
    return isLost
  }

  /**
   * Removes a NAR unless it was pushed here.
   *
   * @returns false when it was
   * @throws the system's error
   */
  async evict(file: string): Promise<boolean> {
    const { origin, turns } = this.#options
    return turns.take(file, async () => {
      if (await origin.isMarked(file)) return false
      await this.#removeNow(file)
      return true
    })
  }

  async #removeNow(file: string): Promise<void> {
    const { index, layout, origin } = this.#options
    await origin.unmark(file)
    const leading = index.hashesOfFile(file)
    for (const hash of leading) {
      const known = index.narinfo(hash)
      const record = known ?? (await readNarinfo(layout, hash))
      if (record && !known) index.putNarinfo(record)
      const original = record && (await this.#leadBack(record))
      if (original === undefined) await rm(layout.narinfo(hash), { force: true })
      // Not before: the index must lead here for as long as the narinfo does. Without the zstd form,
      // what the upstream offers is what there is.
      if (record?.original) index.putNarinfo(asOriginal(record))
      // It may have gone while the narinfo did not yet lead there.
      if (original !== undefined && !index.nar(original))
        await this.#removeLeading([hash], original)
    }
    await this.#removeLeading(this.#maybeLeadingTo(file), file)
    await rm(layout.nar(file), { force: true })
    index.deleteNar(file)
    this.#readAt.delete(file)
    // A rebuild may have come across others while the NAR was still there.
    const late = index.hashesOfFile(file).filter((hash) => !leading.includes(hash))
    await this.#removeLeading(late, file)
  }

  /**
   * Lets a narinfo in `cache/` lead to the original of a zstd form that goes, where that is still here:
   * without an index, it is all that is known of the path.
   *
   * @returns the original; undefined when the narinfo does not lead there
   */
  async #leadBack(record: NarinfoRecord): Promise<string | undefined> {
    const { index, layout } = this.#options
    const file = record.original?.file
    if (file === undefined || !index.nar(file)) return undefined
    const isWritten = await writeNarinfo(layout, asOriginal(record)).then(
      () => true,
      () => false,
    )
    if (!isWritten) return undefined
    index.reinstate(file)
    return file
  }

  async #removeLeading(hashes: readonly StoreHash[], file: string): Promise<void> {
    const { layout } = this.#options
    for (const hash of hashes)
      if ((await readNarinfo(layout, hash))?.file === file)
        await rm(layout.narinfo(hash), { force: true })
  }

  /** Narinfos that a crash may have left leading here while the index says that they lead elsewhere. */
  #maybeLeadingTo(file: string): StoreHash[] {
    const { index } = this.#options
    const name = parseNarFile(file)
    return [...index.hashesOfOriginal(file), ...(name?.shape === 'path' ? [name.storeHash] : [])]
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #take(bytes: number): Promise<boolean> {
    const known = this.#recentFilesystem()
    const isRoom = bytes <= smallBytes && known !== undefined && this.#lackIn(known, bytes).isNone
    if (!isRoom) {
      const { neededBytes, neededFiles, isNone } = this.#lackIn(await this.#readFilesystem(), bytes)
      if (neededBytes === undefined) return false
      if (!isNone) await this.#evict(neededBytes, neededFiles)
    }
    this.#reservedBytes += bytes
    return true
  }

  /** What must be evicted for so many bytes more; no eviction is enough where bytes are undefined. */
  #lackIn(filesystem: StatsFs, incomingBytes: number) {
    const space = this.#spaceOf(filesystem)
    const usedBytes = space.bytes + this.#options.parts.bytes + this.#writtenBytes
    const originBytes = space.originBytes + this.#writtenBytes
    const neededBytes = bytesToEvict({ ...space, usedBytes, originBytes, incomingBytes })
    const { files, ffree } = filesystem
    // Filesystems that make inodes as they need them have none to count.
    const hasInodes = files === 0 || ffree >= filesPerDownload * (this.#reservations + 1)
    const neededFiles = hasInodes ? 0 : filesPerDownload
    return { neededBytes, neededFiles, isNone: neededBytes === 0 && hasInodes }
  }

  async #readFilesystem(): Promise<StatsFs> {
    const stats = await statfs(this.#options.layout.root)
    this.#filesystem = { stats, at: performance.now() }
    return stats
  }

  #recentFilesystem(): StatsFs | undefined {
    const known = this.#filesystem
    return known && performance.now() - known.at < statfsMs ? known.stats : undefined
  }

  #noteTaken(bytes: number): void {
    if (!this.#filesystem) return
    const { stats, at } = this.#filesystem
    const bavail = Math.max(0, stats.bavail - Math.ceil(bytes / stats.bsize))
    const ffree = Math.max(0, stats.ffree - filesPerDownload)
    this.#filesystem = { stats: { ...stats, bavail, ffree }, at }
  }

  async #evict(neededBytes: number, neededFiles: number): Promise<void> {
    this.flush()
    const { index, log, parts, telemetry } = this.#options
    const ofParts = await parts.drop(neededBytes)
    let freed = ofParts
    let files = 0
    let last: NarAge | undefined
    while (!this.#isStopping && (freed < neededBytes || files < neededFiles)) {
      const victims = index.narsByAge(last, victimsPerBatch)
      if (victims.length === 0) break
      for (const victim of victims) {
        if (this.#isStopping || (freed >= neededBytes && files >= neededFiles)) break
        last = victim
        if (!(await this.evict(victim.file))) continue
        freed += victim.bytes
        files += 1
        telemetry.evictions += 1
        telemetry.evictedBytes += victim.bytes
      }
    }
    const bytes = freed - ofParts
    if (files > 0)
      log.info({ files, bytes }, `evicted ${files} NARs, ${formatSize(bytes)}, to make room`)
  }
}
