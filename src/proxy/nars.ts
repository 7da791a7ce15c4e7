import pLimit, { type LimitFunction } from 'p-limit'
import type { NarChecker } from '../codec/nar-check.ts'
import { AppError, isAppError, messageOf, upstreamTroubles } from '../errors.ts'
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
import { mendingReader } from './mending-reader.ts'
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
  readonly patienceMs: number
  readonly log: Log
  readonly signal: AbortSignal
}

export interface OpenNar {
  readonly reader: NarReader
  readonly origin: 'disk' | 'download'
  /** True when another request had started the download. */
  readonly isShared?: boolean
}

export interface NarHead {
  readonly size: number | undefined
  readonly origin: 'disk' | 'download' | 'upstream'
}

/** One download, as a person would want to see it. */
export interface DownloadProgress {
  readonly file: string
  readonly receivedBytes: number
  /** Of the whole file; undefined until somebody says it. */
  readonly bytes: number | undefined
  /** Clients that follow it. */
  readonly readers: number
  /** True until its turn comes. */
  readonly isWaiting: boolean
}

interface Run {
  readonly download: Download
  /** Aborted when nobody waits for it any more. */
  readonly abandon: AbortController
  readonly done: Promise<void>
}

/** A download that nobody waits for any more is finished if this much of it is there. */
const finishFrom = 0.5

/** What a file may be that nothing is known of: reserved for it on the disk until its length is known. */
const unknownBytes = 64 * 1024 * 1024

/** Opens NARs: from the disk, or by following the one download that fetches it for all. */
export class Nars {
  #options: NarsOptions
  readonly #quarantine = new Quarantine(() => performance.now())
  readonly #limit: LimitFunction
  readonly #starting = new Map<string, Promise<Run | undefined>>()
  readonly #runs = new Map<string, Run>()
  readonly #working = new Set<string>()
  readonly #confirming = new Map<string, Promise<void>>()

  constructor(options: NarsOptions) {
    this.#options = options
    this.#limit = pLimit(options.maxDownloads)
  }

  /** Downloads that run or wait for their turn. */
  inProgress(): DownloadProgress[] {
    return [...this.#runs].map(([file, { download }]) => ({
      file,
      receivedBytes: download.written,
      bytes: download.size,
      readers: download.readers,
      isWaiting: !this.#working.has(file),
    }))
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
    const running = await this.#running(file.name)
    if (running)
      return { reader: this.#mending(file, follow(running)), origin: 'download', isShared: true }
    const kept = await disk.openNar(file.name, Date.now())
    if (kept) {
      if (disk.isUnchecked(file.name)) this.#confirmOnce(file.name, kept.size)
      return { reader: this.#mending(file, kept), origin: 'disk' }
    }
    const open = await this.#follow(file)
    return open && { ...open, reader: this.#mending(file, open.reader) }
  }

  /** Follows the file's download; starts it where none runs. */
  async #follow(file: NarFile): Promise<OpenNar | undefined> {
    let start = this.#starting.get(file.name)
    const isShared = start !== undefined || this.#runs.has(file.name)
    if (!start) {
      start = this.#start(file).finally(() => this.#starting.delete(file.name))
      this.#starting.set(file.name, start)
    }
    const run = await start
    return run && { reader: follow(run), origin: 'download', isShared }
  }

  /**
   * What a HEAD asks: the length, without fetching the file where a narinfo tells it.
   *
   * @returns undefined when the NAR is certainly absent
   */
  async head(file: NarFile): Promise<NarHead | undefined> {
    const { disk, narinfos } = this.#options
    const running = this.#runs.get(file.name)
    if (running) return { size: running.download.size, origin: 'download' }
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

  /** Goes over to another configuration; downloads that run keep the upstreams they began with. */
  use(change: Pick<NarsOptions, 'upstreams' | 'narinfos' | 'maxDownloads' | 'patienceMs'>): void {
    this.#options = { ...this.#options, ...change }
    this.#limit.concurrency = change.maxDownloads
  }

  /** Waits for the downloads that run; they end early when the signal aborts. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#starting.values()])
    await Promise.allSettled([
      ...[...this.#runs.values()].map(({ done }) => done),
      ...this.#confirming.values(),
    ])
  }

  /** What turns out damaged on the disk while it is sent is fetched again for the same request. */
  #mending(file: NarFile, reader: NarReader): NarReader {
    return mendingReader(reader, {
      isSameEverywhere: file.shape === 'file' || file.compression === 'none',
      reopen: async (what) => {
        if (what !== undefined) await this.#options.disk.lose(file.name, what)
        return (await this.#follow(file))?.reader
      },
    })
  }

  /** The download of this file that can be followed; one that was given up is waited out. */
  async #running(file: string): Promise<Run | undefined> {
    const run = this.#runs.get(file)
    // What has passed through memory is gone: who comes later needs a download of his own.
    if (run && !run.download.isJoinable) return undefined
    if (!run?.abandon.signal.aborted) return run
    await run.done
    return this.#running(file)
  }

  async #start(file: NarFile): Promise<Run | undefined> {
    const { disk, narinfos } = this.#options
    const running = await this.#running(file.name)
    if (running) return running
    const plan = await planNar(file, { disk, narinfos })
    if (!plan) return undefined
    // Without the file's own hash, two upstreams may have it in different bytes.
    const mayResume = plan.fileHash !== undefined
    // One whose bytes pass through memory may still run, and its file's name is taken.
    const download = this.#runs.has(file.name)
      ? disk.startPassing(file.name, plan.size)
      : await disk.startDownload(file.name, plan.size, mayResume)
    const abandon = new AbortController()
    const signal = AbortSignal.any([this.#options.signal, abandon.signal])
    const done = this.#limit(() => this.#run(plan, download, signal))
    const run = { download, abandon, done }
    this.#runs.set(file.name, run)
    return run
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

  async #run(plan: NarPlan, download: Download, signal: AbortSignal): Promise<void> {
    const { disk, upstreams, checker, storeDir, patienceMs, log } = this.#options
    let isWorthKeeping = false
    let reservation: Reservation | undefined
    this.#working.add(plan.file.name)
    try {
      const bytes = plan.size ?? plan.nar?.size ?? unknownBytes
      reservation = await disk.reserve(bytes)
      if (reservation) download.limitTo(reservation, bytes)
      else download.leaveDisk()
      const offers = () => offersOf(plan, upstreams, { storeDir, log, signal })
      const quarantine = this.#quarantine
      const tools = { checker, quarantine, upstreams, patienceMs, log, signal }
      const fileHash = await fillNar(plan, offers, { ...tools, download })
      if (download.isOnDisk) await this.#publish(plan, download, fileHash)
      else log.info({ file: plan.file.name }, 'passed on without keeping it')
    } catch (error) {
      isWorthKeeping = signal.aborted || isAppError(error, ...upstreamTroubles)
      download.fail(error)
      if (isAppError(error, 'NAR_GONE') && plan.storeHash !== undefined)
        await this.#options.narinfos.forget(plan.storeHash)
      const fields = { code: isAppError(error) ? error.code : undefined, file: plan.file.name }
      if (signal.aborted) log.info(fields, `stopped after ${download.written} bytes`)
      else log.error(fields, messageOf(error))
    } finally {
      reservation?.settle()
      if (!isWorthKeeping || download.written === 0) await download.unlink()
      // In one step: who finds the download in the map may still open it.
      if (this.#runs.get(plan.file.name)?.download === download) this.#runs.delete(plan.file.name)
      this.#working.delete(plan.file.name)
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

/** Opens a reader; when the last one leaves, the download goes on only if most of it is done. */
function follow({ download, abandon }: Run): NarReader {
  const reader = download.open()
  return {
    get size() {
      return reader.size
    },
    read: (buffer, position) => reader.read(buffer, position),
    close: () => {
      reader.close()
      const { readers, written, size } = download
      const isMostlyDone = size !== undefined && written >= size * finishFrom
      if (readers === 0 && !isMostlyDone) abandon.abort()
    },
  }
}

/** The narinfo as it stands beside its NAR: complete, also where its upstream gave no FileHash. */
function withFileHash(record: NarinfoRecord, fileHash: Hash, fileSize: number): NarinfoRecord {
  const info = infoOf(record)
  if (info.fileHash && info.fileSize !== undefined) return record
  return { ...record, text: printNarInfo({ ...info, fileHash, fileSize }) }
}
