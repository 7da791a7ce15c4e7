import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, messageOf } from '../errors.ts'
import { printCacheInfo } from '../nix/cache-info.ts'
import type { StoreHash } from '../nix/store-path.ts'
import type { Log } from '../telemetry.ts'
import type { Amount } from '../units.ts'
import { DiskRoom, type Reservation } from './disk-room.ts'
import { Download } from './download.ts'
import { moveInto, writeWhole } from './durable.ts'
import { createDirectories, type Layout, layoutOf } from './layout.ts'
import { type Lock, takeLock } from './lock.ts'
import { openWhole, type WholeNarReader } from './nar-reader.ts'
import { readCacheInto } from './rebuild.ts'
import { type NarinfoRecord, SqliteIndex } from './sqlite-index.ts'

export interface DiskOptions {
  readonly dataDir: string
  readonly storeDir: string
  readonly maxSize: Amount
  readonly minFree: Amount
  readonly log: Log
}

const flushEveryMs = 10_000
const indexIsComplete = 'cache read'

/** The disk tier: a plain Nix binary cache in `cache/`, and beside it what is not yet or no longer there. */
export class Disk {
  readonly layout: Layout
  readonly #lock: Lock
  readonly #index: SqliteIndex
  readonly #room: DiskRoom
  readonly #log: Log
  readonly #stopping = new AbortController()
  readonly #flushing: NodeJS.Timeout
  #rebuilding: Promise<void> = Promise.resolve()
  #temporaries = 0

  private constructor(layout: Layout, lock: Lock, options: DiskOptions) {
    const { maxSize, minFree, log } = options
    this.layout = layout
    this.#lock = lock
    this.#log = log
    this.#index = SqliteIndex.open(layout.index)
    this.#room = new DiskRoom({ layout, index: this.#index, maxSize, minFree, log })
    this.#flushing = setInterval(() => this.#room.flush(), flushEveryMs).unref()
    if (this.#index.fact(indexIsComplete) === undefined) this.#rebuilding = this.#rebuild()
  }

  /**
   * Takes the data directory; creates it where there is none.
   *
   * @throws AppError LOCKED, DISK
   */
  static async open(options: DiskOptions): Promise<Disk> {
    const layout = layoutOf(options.dataDir)
    await createDirectories(layout)
    const lock = takeLock(layout.lock)
    try {
      await clearTemporaries(layout)
      const info = { storeDir: options.storeDir, wantMassQuery: true, priority: undefined }
      await writeFile(join(layout.cache, 'nix-cache-info'), printCacheInfo(info))
      return new Disk(layout, lock, options)
    } catch (error) {
      lock.release()
      throw new AppError(
        'DISK',
        `cannot use the data directory ${layout.root}: ${messageOf(error)}`,
        {
          cause: error,
        },
      )
    }
  }

  /** Bytes of NARs kept. */
  get usedBytes(): number {
    return this.#room.usedBytes
  }

  /** Settles once the whole of `cache/` is in the index. */
  get ready(): Promise<void> {
    return this.#rebuilding
  }

  /**
   * Finds a narinfo, in the index or, where that does not know it, in `cache/`.
   *
   * @returns a record without upstream when it was only in `cache/`
   */
  async narinfo(hash: StoreHash): Promise<NarinfoRecord | undefined> {
    return this.#index.narinfo(hash) ?? (await this.#narinfoFromCache(hash))
  }

  /** The narinfos that lead to this NAR file. */
  narinfosOfFile(file: string): NarinfoRecord[] {
    return this.#index.narinfosOfFile(file)
  }

  /**
   * Keeps a narinfo: in `cache/` when its NAR is there already and was checked against the same
   * NarHash, else in the index only.
   */
  async keep(record: NarinfoRecord, narHash: string): Promise<void> {
    this.#index.putNarinfo(record)
    if (this.#index.nar(record.file)?.narHash === narHash) await this.#publishNarinfo(record)
  }

  async forget(hash: StoreHash): Promise<void> {
    await rm(this.layout.narinfo(hash), { force: true })
    this.#index.deleteNarinfo(hash)
  }

  /** Opens a whole NAR; undefined when it is not here, or not as it was put here. */
  async openNar(file: string, now: number): Promise<WholeNarReader | undefined> {
    const reader = await openWhole(this.layout.nar(file))
    const record = this.#index.nar(file)
    if (!reader) {
      if (record) await this.#lose(file, 'is gone from the disk')
      return undefined
    }
    if (record ? record.bytes !== reader.size : reader.size === 0) {
      reader.close()
      await this.#lose(file, `has ${reader.size} bytes instead of ${record?.bytes ?? 'some'}`)
      return undefined
    }
    if (!record) this.#adopt(file, reader.size, now)
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
    for (const record of narinfos) await this.#publishNarinfo(record)
  }

  /** Takes a NAR, and the narinfos that promise it, out of `cache/`. */
  async remove(file: string): Promise<void> {
    await this.#room.remove(file)
  }

  /** @param bytes of the whole file, or the best upper bound there is */
  reserve(bytes: number): Promise<Reservation | undefined> {
    return this.#room.reserve(bytes)
  }

  /** @param size bytes of the whole file, where known */
  startDownload(file: string, size: number | undefined): Promise<Download> {
    return Download.create(this.layout.part(file), size)
  }

  /**
   * Gives a download whose bytes were checked its place in `cache/`: the NAR first, then the
   * narinfos that promise it.
   */
  async publish(
    download: Download,
    nar: { readonly file: string; readonly narHash: string | undefined },
    narinfos: readonly NarinfoRecord[],
    now: number,
  ): Promise<void> {
    await download.sync()
    await moveInto(download.path, this.layout.nar(nar.file))
    this.#index.putNar({ ...nar, bytes: download.written }, now)
    for (const record of narinfos) {
      this.#index.putNarinfo(record)
      await this.#publishNarinfo(record)
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    clearInterval(this.#flushing)
    await this.#rebuilding
    this.#room.flush()
    this.#index.close()
    this.#lock.release()
  }

  async #publishNarinfo(record: NarinfoRecord): Promise<void> {
    this.#temporaries += 1
    const temporary = join(this.layout.temporary, `${record.hash}.${this.#temporaries}.narinfo`)
    await writeWhole(this.layout.narinfo(record.hash), temporary, record.text)
  }

  /** A file that got its name just before a crash, or was put there by hand. */
  #adopt(file: string, bytes: number, now: number): void {
    this.#index.putNar({ file, bytes, narHash: undefined }, now)
    this.#room.count(bytes)
  }

  async #lose(file: string, what: string): Promise<void> {
    this.#log.warn({ file }, `nar/${file} ${what}; it will be fetched again`)
    await this.#room.remove(file)
  }

  async #narinfoFromCache(hash: StoreHash): Promise<NarinfoRecord | undefined> {
    const text = await readFile(this.layout.narinfo(hash), 'utf8').catch(() => undefined)
    const file = text === undefined ? undefined : /^URL: nar\/(\S+)$/m.exec(text)?.[1]
    if (text === undefined || file === undefined) return undefined
    return { hash, text, file, upstream: undefined, upstreamUrl: undefined }
  }

  async #rebuild(): Promise<void> {
    const { signal } = this.#stopping
    const found = await readCacheInto(this.#index, this.layout, signal)
    this.#room.count(found.bytes)
    if (signal.aborted) return
    this.#index.putFact(indexIsComplete, 'yes')
    if (found.narinfos > 0) this.#log.info({ ...found }, 'rebuilt the index from cache/')
  }
}

/** Partial downloads belong to a process that is gone; the lock says so. */
async function clearTemporaries(layout: Layout): Promise<void> {
  await rm(layout.temporary, { recursive: true, force: true })
  await createDirectories(layout)
}
