import pLimit, { type LimitFunction } from 'p-limit'
import type { NarChecker } from '../codec/nar-check.ts'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { formatHash, type Hash } from '../nix/hash.ts'
import { printNarInfo } from '../nix/narinfo.ts'
import type { NarFile } from '../policy/nar-file.ts'
import type { Disk } from '../store/disk.ts'
import type { Reservation } from '../store/disk-room.ts'
import type { Download } from '../store/download.ts'
import type { NarReader } from '../store/nar-reader.ts'
import type { NarinfoRecord } from '../store/sqlite-index.ts'
import type { Log } from '../telemetry.ts'
import { confirmKept } from './confirm-kept.ts'
import { fillNar } from './fill-nar.ts'
import { infoOf, narHashText } from './hand-out.ts'
import { type NarPlan, offersOf, planNar } from './nar-plan.ts'
import type { Narinfos } from './narinfos.ts'
import { Quarantine } from './quarantine.ts'
import type { Upstream } from './upstream.ts'

export interface NarsOptions {
  readonly disk: Disk
  readonly narinfos: Narinfos
  readonly upstreams: readonly Upstream[]
  readonly checker: NarChecker
  readonly storeDir: string
  readonly maxDownloads: number
  readonly log: Log
  readonly signal: AbortSignal
}

export interface OpenNar {
  readonly reader: NarReader
  readonly origin: 'disk' | 'download'
}

export interface NarHead {
  readonly size: number | undefined
  readonly origin: 'disk' | 'download' | 'upstream'
}

/** What a file may be that nothing is known of: reserved for it on the disk until its length is known. */
const unknownBytes = 64 * 1024 * 1024

/** Opens NARs: from the disk, or by following the one download that fetches it for all. */
export class Nars {
  readonly #options: NarsOptions
  readonly #quarantine = new Quarantine(() => performance.now())
  readonly #limit: LimitFunction
  readonly #starting = new Map<string, Promise<Download | undefined>>()
  readonly #downloads = new Map<string, Download>()
  readonly #running = new Set<Promise<void>>()
  readonly #confirming = new Map<string, Promise<void>>()

  constructor(options: NarsOptions) {
    this.#options = options
    this.#limit = pLimit(options.maxDownloads)
  }

  /** Downloads that run or wait for their turn. */
  get downloads(): number {
    return this.#downloads.size
  }

  /** True when a client may hold a damaged beginning of this file, which no good rest can mend. */
  isTainted(file: NarFile): boolean {
    return this.#quarantine.isTainted(file.name)
  }

  /**
   * @returns undefined when the NAR is certainly absent
   * @throws AppError when nobody can say
   */
  async open(file: NarFile): Promise<OpenNar | undefined> {
    const { disk } = this.#options
    const running = this.#downloads.get(file.name)
    if (running) return { reader: running.open(), origin: 'download' }
    const kept = await disk.openNar(file.name, Date.now())
    if (kept) {
      if (disk.isUnchecked(file.name)) this.#confirmOnce(file.name, kept.size)
      return { reader: kept, origin: 'disk' }
    }

    let start = this.#starting.get(file.name)
    if (!start) {
      start = this.#start(file).finally(() => this.#starting.delete(file.name))
      this.#starting.set(file.name, start)
    }
    const download = await start
    return download && { reader: download.open(), origin: 'download' }
  }

  /**
   * What a HEAD asks: the length, without fetching the file where a narinfo tells it.
   *
   * @returns undefined when the NAR is certainly absent
   */
  async head(file: NarFile): Promise<NarHead | undefined> {
    const { disk, narinfos } = this.#options
    const running = this.#downloads.get(file.name)
    if (running) return { size: running.size, origin: 'download' }
    const kept = await disk.openNar(file.name, Date.now())
    if (kept) {
      kept.close()
      return { size: kept.size, origin: 'disk' }
    }
    const plan = await planNar(file, { disk, narinfos })
    if (!plan || plan.nar) return plan && { size: plan.size, origin: 'upstream' }
    const open = await this.open(file)
    if (!open) return undefined
    try {
      await open.reader.read(Buffer.alloc(1), 0)
      return { size: open.reader.size, origin: open.origin }
    } finally {
      open.reader.close()
    }
  }

  /** Waits for the downloads that run; they end early when the signal aborts. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#starting.values()])
    await Promise.allSettled([...this.#running, ...this.#confirming.values()])
  }

  async #start(file: NarFile): Promise<Download | undefined> {
    const { disk, narinfos } = this.#options
    const running = this.#downloads.get(file.name)
    if (running) return running
    const plan = await planNar(file, { disk, narinfos })
    if (!plan) return undefined
    const download = await disk.startDownload(file.name, plan.size)
    this.#downloads.set(file.name, download)
    const work = this.#limit(() => this.#run(plan, download)).finally(() =>
      this.#running.delete(work),
    )
    this.#running.add(work)
    return download
  }

  /** Holds a NAR that was here unchecked against its narinfo, while it is served. */
  #confirmOnce(file: string, bytes: number): void {
    if (this.#confirming.has(file)) return
    const { log } = this.#options
    const work = confirmKept(file, bytes, this.#options)
      .catch((error: unknown) =>
        log.warn({ file }, `could not check nar/${file}: ${messageOf(error)}`),
      )
      .finally(() => this.#confirming.delete(file))
    this.#confirming.set(file, work)
  }

  async #run(plan: NarPlan, download: Download): Promise<void> {
    const { disk, upstreams, checker, storeDir, log, signal } = this.#options
    let reservation: Reservation | undefined
    let keptBytes = 0
    try {
      reservation = await disk.reserve(plan.size ?? plan.nar?.size ?? unknownBytes)
      const offers = offersOf(plan, upstreams, { storeDir, log, signal })
      const tools = { checker, quarantine: this.#quarantine, log, signal }
      const fileHash = await fillNar(plan, offers, download, tools)
      if (reservation) {
        await this.#publish(plan, download, fileHash)
        keptBytes = download.written
      } else log.info({ file: plan.file.name }, 'passed on without keeping it: no room on the disk')
    } catch (error) {
      download.fail(error)
      if (isAppError(error, 'NAR_GONE') && plan.storeHash !== undefined)
        await this.#options.narinfos.forget(plan.storeHash)
      log.error(
        { code: isAppError(error) ? error.code : undefined, file: plan.file.name },
        messageOf(error),
      )
    } finally {
      reservation?.settle(keptBytes)
      await download.unlink()
      // In one step: who finds the download in the map may still open it.
      this.#downloads.delete(plan.file.name)
      download.release()
    }
  }

  async #publish(plan: NarPlan, download: Download, fileHash: Hash): Promise<void> {
    const { disk, narinfos } = this.#options
    const narHash = plan.nar && formatHash(plan.nar.hash)
    const records = disk
      .narinfosOfFile(plan.file.name)
      .filter((record) => narHashText(infoOf(record)) === narHash)
      .map((record) => withFileHash(record, fileHash, download.written))
    const nar = { file: plan.file.name, narHash }
    await disk.publish(download, nar, records, Date.now()).catch((cause: unknown) => {
      throw new AppError('DISK', `cannot keep nar/${nar.file}: ${messageOf(cause)}`, { cause })
    })
    for (const record of records) narinfos.refresh(record)
  }
}

/** The narinfo as it stands beside its NAR: complete, also where its upstream gave no FileHash. */
function withFileHash(record: NarinfoRecord, fileHash: Hash, fileSize: number): NarinfoRecord {
  const info = infoOf(record)
  if (info.fileHash && info.fileSize !== undefined) return record
  return { ...record, text: printNarInfo({ ...info, fileHash, fileSize }) }
}
