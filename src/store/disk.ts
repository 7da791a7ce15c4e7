import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isOutOfDescriptors, messageOf } from '../errors.ts'
import type { StoreHash } from '../nix/store-path.ts'
import type { Log, Telemetry } from '../telemetry.ts'
import type { Amount } from '../units.ts'
import { CacheWriter } from './cache-writer.ts'
import { collectNars, type NarLimits } from './collect-nars.ts'
import { type DataDir, type DataDirOptions, takeDataDir } from './data-dir.ts'
import { DiskRoom, type Reservation, type Space } from './disk-room.ts'
import { Download } from './download.ts'
import { ForgivingIndex } from './forgiving-index.ts'
import { IndexUpkeep } from './index-upkeep.ts'
import { KeptParts } from './kept-parts.ts'
import { lastSpaceOf } from './last-space.ts'
import type { Layout } from './layout.ts'
import type { Lock } from './lock.ts'
import { type NarReader, openWhole, type WholeNarReader } from './nar-reader.ts'
import { fittingFirst, readNarinfo, readNarinfoNow, sizesPromisedBy } from './narinfo-file.ts'
import { Origin, type PushedNar } from './origin.ts'
import { asOriginal, inStepWith } from './repacked.ts'
import type { NarAge, NarinfoEntry, NarinfoRecord } from './sqlite-index.ts'
import { Turns } from './turns.ts'
import { WriteHealth } from './write-health.ts'
import { ZstdForms } from './zstd-forms.ts'

export interface DiskOptions extends DataDirOptions {
  readonly maxSize: Amount
  readonly minFree: Amount
  readonly telemetry: Telemetry
  /** False for commands that must delete nothing by themselves; true by default. */
  readonly keepsLimits?: boolean
}

const flushEveryMs = 10_000

/** The disk tier: a plain Nix binary cache in `cache/`, and beside it what is not yet or no longer there. */
export class Disk {
  readonly layout: Layout
  /** Of stored NARs that came in another compression. */
  readonly zstdForms: ZstdForms
  /** What was pushed here. */
  readonly origin: Origin
  /** What downloads that broke off have left. */
  readonly parts: KeptParts
  /** How much room there is, for whoever only looks: where it cannot be asked, as it was last. */
  readonly lastSpace: () => Promise<Space>
  readonly #lock: Lock
  readonly #index: ForgivingIndex
  readonly #upkeep: IndexUpkeep
  readonly #room: DiskRoom
  readonly #health: WriteHealth
  readonly #writer: CacheWriter
  readonly #log: Log
  readonly #flushing: NodeJS.Timeout

  private constructor({ layout, lock, denial, parts }: DataDir, options: DiskOptions) {
    const { maxSize, minFree, log, telemetry } = options
    this.layout = layout
    this.#lock = lock
    this.#log = log
    this.#index = ForgivingIndex.open(layout.index, log, denial !== undefined)
    const [index, turns] = [this.#index, new Turns()]
    const readTime = (now: number) => this.#room.readTime(now)
    this.#writer = new CacheWriter({ layout, index, turns, readTime })
    this.origin = new Origin({
      ...{ layout, index, turns, readTime },
      remove: (file) => this.remove(file),
    })
    const { origin } = this
    this.#upkeep = new IndexUpkeep({
      ...{ index, layout, origin, log },
      remove: (file) => this.remove(file),
      lose: (file, what) => this.lose(file, what),
      onFault: (error) => this.#blame('read cache/ into the index', error),
    })
    this.#health = new WriteHealth({
      probeFile: join(layout.temporary, 'probe'),
      log,
      onRecovery: () => this.#upkeep.rebuildWhereNeeded(),
    })
    if (denial !== undefined) this.#health.giveUp(denial)
    this.parts = new KeptParts(parts)
    this.#room = new DiskRoom({
      ...{ layout, index, turns, origin, maxSize, minFree, log, telemetry },
      parts: this.parts,
    })
    this.lastSpace = lastSpaceOf(this.#room, log)
    this.zstdForms = new ZstdForms({ disk: this, index, origin, turns })
    this.#flushing = setInterval(() => {
      this.#room.flush()
      this.#upkeep.rebuildWhereNeeded()
      if (this.isStoring && options.keepsLimits !== false)
        void this.#attempt('keep to the limits', () => this.#room.keepLimits())
    }, flushEveryMs).unref()
    this.#upkeep.rebuildWhereNeeded()
  }

  /**
   * Takes the data directory; creates it where there is none. From one that cannot be written,
   * what is there is served, and nothing is kept.
   *
   * @throws AppError LOCKED, DISK
   */
  static open(options: DiskOptions): Promise<Disk> {
    return takeDataDir(options, (dataDir) => new Disk(dataDir, options))
  }

  /** Bytes of NARs kept. */
  get usedBytes(): number {
    return this.#room.usedBytes
  }

  /**
   * How much room there is, and how much is taken.
   *
   * @throws the system's error
   */
  space(): Promise<Space> {
    return this.#room.space()
  }

  /** False while a sick disk is left alone: what passes through is not kept. */
  get isStoring(): boolean {
    return this.#health.isStoring
  }

  /** False while the index may lack some of what is in `cache/`. */
  get isIndexComplete(): boolean {
    return this.#upkeep.isInStep
  }

  /** Settles once the whole of `cache/` is in the index. */
  get ready(): Promise<void> {
    return this.#upkeep.settled
  }

  /**
   * Finds a narinfo, in the index or, where that does not know it, in `cache/`.
   *
   * @returns a record without upstream when it was only in `cache/`
   */
  async narinfo(hash: StoreHash): Promise<NarinfoRecord | undefined> {
    const known = this.#index.narinfo(hash)
    // Nearly every narinfo that is asked of an upstream: see openNar.
    if (known || !existsSync(this.layout.narinfo(hash))) return known
    return readNarinfo(this.layout, hash)
  }

  /** The narinfos that lead to this NAR file; where it was checked, those first that it fits. */
  narinfosOfFile(file: string): NarinfoRecord[] {
    const records = this.#index
      .hashesOfFile(file)
      .map((hash) => this.#index.narinfo(hash) ?? readNarinfoNow(this.layout, hash))
      .filter((record) => record?.file === file) as NarinfoRecord[]
    return records.length < 2 ? records : fittingFirst(records, this.checkedHash(file))
  }

  /** The narinfos that led to this NAR file before they led to its zstd form, as they were then. */
  narinfosOfOriginal(file: string): NarinfoRecord[] {
    const records = this.#index.hashesOfOriginal(file).map((hash) => this.#index.narinfo(hash))
    return records.filter((record) => record !== undefined).map(asOriginal)
  }

  /**
   * Keeps a narinfo: in `cache/` when its NAR is there already and was checked against the same
   * NarHash, else in the index only. What the disk does not take is not kept.
   *
   * @returns the narinfo to hand out, which leads to the NAR's zstd form where that is here
   */
  async keep(fresh: NarinfoRecord, narHash: string): Promise<NarinfoRecord> {
    // What was pushed here stays what it is, whatever an upstream says of the same path.
    const pushed = this.origin.isEmpty ? undefined : await this.narinfo(fresh.hash)
    if (pushed && (await this.origin.isMarked(pushed.file))) return fresh
    const record = inStepWith(this.#index.narinfo(fresh.hash), fresh)
    const { isInStep } = this.#upkeep
    await this.#attempt('delete a narinfo', () => this.#writer.note(record, isInStep))
    if (this.#index.nar(record.file)?.narHash === narHash)
      await this.#putBeside(record.file, [record])
    return record
  }

  /** @returns where it led at last; undefined where the index or the disk did not say */
  async forget(hash: StoreHash): Promise<NarinfoEntry | undefined> {
    return this.#attempt('delete a narinfo', () => this.#writer.forget(hash))
  }

  /**
   * Opens a whole NAR; undefined when it is not here, cannot be read, or is not as it was put here.
   *
   * @throws the system's error when that says nothing about the file, such as too many open files
   */
  async openNar(file: string, now: number): Promise<WholeNarReader | undefined> {
    const record = this.#index.nar(file)
    // Nearly every NAR that is fetched: looked up at once, as the index is, it costs no thread's time.
    if (!record && !existsSync(this.layout.nar(file))) return undefined
    const reader = await openWhole(this.layout.nar(file)).catch(async (error: unknown) => {
      if (!isUnreadable(error)) throw error
      await this.lose(file, `cannot be read (${messageOf(error)})`)
      return undefined
    })
    if (!reader) {
      if (record) await this.lose(file, 'is gone from the disk')
      return undefined
    }
    // Of a file that no NarHash was held against, the index may know only how long it was found.
    const promised = record?.narHash ? [] : sizesPromisedBy(this.narinfosOfFile(file))
    const sizes = promised.length > 0 || !record ? promised : [record.bytes]
    if (sizes.length > 0 ? !sizes.includes(reader.size) : reader.size === 0) {
      const wanted = sizes.join(' or ') || 'some'
      await this.lose(file, `has ${reader.size} bytes instead of ${wanted}`, reader)
      reader.close()
      return undefined
    }
    // While narinfos are still unknown, evicting it would leave theirs behind.
    if (!record && this.#upkeep.isInStep) this.#adopt(file, reader.size, now)
    this.#room.touch(file, now)
    return reader
  }

  /** True when this NAR is here but was never held against a signed NarHash. */
  isUnchecked(file: string): boolean {
    const record = this.#index.nar(file)
    return record !== undefined && record.narHash === undefined
  }

  /** Notes that a NAR here matches a signed NarHash, and publishes the narinfos that say the same. */
  async confirm(file: string, narHash: string, narinfos: readonly NarinfoRecord[]): Promise<void> {
    this.#index.confirmNar(file, narHash)
    await this.#putBeside(file, narinfos)
  }

  /** Puts a narinfo beside its NAR, whoever has checked that or will. */
  async putBeside(record: NarinfoRecord): Promise<void> {
    await this.#putBeside(record.file, [record])
  }

  /** Takes a NAR, and the narinfos that promise it, out of `cache/`, if it may go by then. */
  async remove(file: string, mayGo?: () => Promise<boolean>): Promise<void> {
    await this.#attempt('delete a NAR', () => this.#room.remove(file, mayGo))
  }

  /**
   * Takes a NAR that turned out damaged out of `cache/`, and says so; the only copy is set aside.
   *
   * @param reader who found it damaged, where that took a while
   * @returns false when its name leads to another file by now, which stays
   */
  async lose(file: string, what: string, reader?: NarReader): Promise<boolean> {
    const lose = () => this.#room.lose(file, what, reader)
    return (await this.#attempt('delete a damaged NAR', lose)) ?? true
  }

  /**
   * @param bytes of the whole file, or the best upper bound there is
   * @returns undefined when the file cannot be kept: there is no room, or the disk is sick
   */
  async reserve(bytes: number): Promise<Reservation | undefined> {
    if (!this.#health.isStoring) return undefined
    return this.#attempt('make room', () => this.#room.reserve(bytes))
  }

  /**
   * Begins a download: on the disk where that takes it, else in memory.
   *
   * @param size bytes of the whole file, where known
   * @param mayResume true to go on with what an earlier download left
   */
  async startDownload(
    file: string,
    size: number | undefined,
    mayResume: boolean,
  ): Promise<Download> {
    const path = mayResume ? this.layout.part(file) : this.layout.unfinished(file)
    if (mayResume) await this.parts.take(path)
    else await this.parts.discard(this.layout.part(file))
    const create = () => (mayResume ? Download.resume(path, size) : Download.create(path, size))
    const onDisk = this.#health.isStoring ? await this.#attempt('begin a file', create) : undefined
    const download = onDisk ?? this.startPassing(file, size)
    download.onDiskFault((error) => this.#blame('write a NAR', error))
    return download
  }

  /** Begins a download of what cannot be kept: it passes through memory. */
  startPassing(file: string, size: number | undefined): Download {
    return Download.inMemory(this.layout.unfinished(file), size)
  }

  /**
   * Gives a download whose bytes were checked its place in `cache/`: the NAR first, then the
   * narinfos that promise it. What fails is taken back and never tried again: after a failed sync
   * nobody knows what the disk holds.
   *
   * @throws the system's error
   */
  async publish(
    download: Download,
    nar: { readonly file: string; readonly narHash: string | undefined },
    narinfos: readonly NarinfoRecord[],
    now: number,
  ): Promise<void> {
    try {
      await download.sync()
      await this.#writer.publish(download, nar, narinfos, now)
    } catch (error) {
      this.#blame('keep a NAR', error)
      await this.remove(nar.file)
      throw error
    }
  }

  /**
   * Keeps what was pushed here and checked: its NAR where that is new, and its narinfo.
   *
   * @returns false when the NAR was to be there already, and has gone
   * @throws the system's error
   */
  async keepPushed(
    record: NarinfoRecord,
    nar: { readonly file: PushedNar | undefined; readonly narHash: string },
  ): Promise<boolean> {
    const pushed = { nar: nar.file, narHash: nar.narHash, now: Date.now() }
    return this.origin.publish(record, pushed).catch((error: unknown) => {
      this.#blame('keep what was pushed', error)
      throw error
    })
  }

  /** Notes that the disk did not take something; after a few of these nothing is kept for a while. */
  noteFault(what: string, error: unknown): void {
    this.#blame(what, error)
  }

  /** NarHash a NAR here was checked against; undefined where it is not here or was not checked. */
  checkedHash(file: string): string | undefined {
    return this.#index.nar(file)?.narHash
  }

  /** True when this NAR is here, as far as the index knows. */
  holds(file: string): boolean {
    return this.#index.nar(file) !== undefined
  }

  /**
   * Deletes NARs, those read longest ago first, and goes by the index: wait for `ready` before.
   *
   * @param isDry only tells what would go
   * @param withOrigin what was pushed here may go too, at last
   * @throws the system's error
   */
  collect(limits: NarLimits, isDry: boolean, withOrigin = false): AsyncGenerator<NarAge> {
    const [index, room, origin] = [this.#index, this.#room, this.origin]
    const forget = (hash: StoreHash) => this.forget(hash)
    return collectNars({ index, room, origin, forget }, limits, { isDry, withOrigin })
  }

  async close(): Promise<void> {
    clearInterval(this.#flushing)
    this.#health.close()
    await this.#upkeep.stop()
    await this.#room.stop()
    this.#room.flush()
    this.#index.close(this.#upkeep.isRead)
    this.#lock.release()
  }

  /** Writes narinfos beside their NAR, where the disk takes them. */
  async #putBeside(file: string, records: readonly NarinfoRecord[]): Promise<void> {
    if (this.isStoring)
      await this.#attempt('keep a narinfo', () => this.#writer.putBeside(file, records))
  }

  /** A file that got its name just before a crash, or was put there by hand. */
  #adopt(file: string, bytes: number, now: number): void {
    this.#index.putNar({ file, bytes, narHash: undefined }, this.#room.readTime(now))
  }

  /** Does what the disk may refuse; no request fails for that. */
  async #attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.#blame(what, error)
      return undefined
    }
  }

  #blame(what: string, error: unknown): void {
    this.#log.warn({ code: 'DISK' }, `could not ${what}: ${messageOf(error)}`)
    if (!isOutOfDescriptors(error)) this.#health.failed(error)
  }
}

/** Errors of a file or a disk that is damaged, and of what is no file. */
const unreadable = new Set(['EIO', 'EUCLEAN', 'EISDIR', 'ELOOP', 'ENXIO'])

function isUnreadable(error: unknown): boolean {
  return unreadable.has((error as NodeJS.ErrnoException).code ?? '')
}
