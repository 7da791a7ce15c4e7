import pLimit, { type LimitFunction } from 'p-limit'
import type { NarChecker } from '../codec/nar-check.ts'
import type { Repacker } from '../codec/nar-repack.ts'
import { messageOf } from '../errors.ts'
import { type NarFile, parseNarFile, repackedFileOf } from '../policy/nar-file.ts'
import type { Disk } from '../store/disk.ts'
import type { NarReader } from '../store/nar-reader.ts'
import { infoOf } from '../store/record-info.ts'
import type { Log } from '../telemetry.ts'
import { carryOut } from './carry-out.ts'
import { ClientWaits } from './client-waits.ts'
import { confirmKept } from './confirm-kept.ts'
import { Confirmations } from './confirmations.ts'
import { Lanes } from './lanes.ts'
import { Lull } from './lull.ts'
import { mendingReader } from './mending-reader.ts'
import { knownPlan, mayResume, type NarPlan, planNar, planRepack } from './nar-plan.ts'
import { NarRun } from './nar-run.ts'
import type { Narinfos } from './narinfos.ts'
import { OpenAhead } from './open-ahead.ts'
import { Quarantine } from './quarantine.ts'
import { noRoom } from './repack-room.ts'
import { takeTurn } from './take-turn.ts'
import type { Upstream } from './upstream.ts'

export interface NarsOptions {
  readonly disk: Disk
  readonly narinfos: Narinfos
  readonly upstreams: readonly Upstream[]
  readonly checker: NarChecker
  readonly repacker: Repacker
  /** Level of zstd for what is packed anew. */
  readonly repackLevel: number
  readonly storeDir: string
  readonly maxDownloads: number
  readonly patienceMs: number
  readonly log: Log
  readonly signal: AbortSignal
}

/** What another configuration changes. */
export type NarsChange = Pick<
  NarsOptions,
  'upstreams' | 'narinfos' | 'maxDownloads' | 'patienceMs' | 'repackLevel'
>

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

/** What a stored NAR took before and after it was packed anew. */
export interface Repacked {
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/** Why a stored NAR was not packed anew. */
export type NotRepacked =
  /** There is nothing to be made of it. */
  | 'impossible'
  /** A client has it made just now. */
  | 'being made'
  /** No narinfo leads to it: nobody knows what to hold it against. */
  | 'unpromised'
  /** Its zstd form is here; a crash or another upstream's narinfo had come between. */
  | 'made before'

/** So long after two NARs were fetched at once, whoever fetches one will soon fetch more. */
const crowdMs = 1_000

/** Zstd forms made at once for clients that wait: each holds a decoder, and waits for its original. */
const maxRepacking = 4

/** Opens NARs: from the disk, or by following the one download that fetches it for all. */
export class Nars {
  #options: NarsOptions
  readonly #quarantine = new Quarantine(() => performance.now())
  readonly #limit: LimitFunction
  readonly #lanes = new Lanes(() => performance.now())
  readonly #waits = new ClientWaits(() => performance.now())
  readonly #starting = new Map<string, Promise<NarRun | undefined>>()
  readonly #runs = new Map<string, NarRun>()
  readonly #working = new Set<string>()
  readonly #confirmations: Confirmations
  readonly #openAhead: OpenAhead
  readonly #repackLimit = pLimit(maxRepacking)
  readonly #lull: Lull
  #fetching = 0
  #fetchedAt = Number.NEGATIVE_INFINITY
  #crowdedAt = Number.NEGATIVE_INFINITY

  constructor(options: NarsOptions) {
    this.#options = options
    this.#limit = pLimit(options.maxDownloads)
    this.#lull = new Lull(() => this.idleMs, options.signal)
    this.#openAhead = new OpenAhead(options.disk, () => performance.now())
    this.#confirmations = new Confirmations(
      () => this.#fetching === 0 && options.checker.load === 0,
      (file, error) =>
        options.log.info({ file }, `could not check nar/${file} yet: ${messageOf(error)}`),
    )
  }

  /** Downloads that run, wait for their turn, or are here and wait for their place in `cache/`. */
  inProgress(): DownloadProgress[] {
    return [...this.#runs].map(([file, { download }]) => ({
      file,
      receivedBytes: download.written,
      bytes: download.size,
      readers: download.readers,
      isWaiting: !this.#working.has(file),
    }))
  }

  /** How many NARs are being fetched from upstreams now, or wait for their turn. */
  get fetching(): number {
    return this.#fetching
  }

  /**
   * True when more NARs are fetched than clients and those ahead of them may be together. A client
   * that asks for what is fetched ahead takes none of its turns.
   *
   * @param mostAhead how many may be fetched ahead
   */
  isCrowded(mostAhead: number): boolean {
    return this.#fetching >= this.#options.maxDownloads + mostAhead
  }

  /** How long ago a NAR was last being fetched, in milliseconds: 0 while one is. */
  get idleMs(): number {
    return this.#fetching > 0 ? 0 : performance.now() - this.#fetchedAt
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
    this.#confirmations.asked()
    this.#lull.asked()
    const running = await this.#running(file.name)
    if (running)
      return { reader: this.#mending(file, running.follow()), origin: 'download', isShared: true }
    const kept = await this.#openAhead.open(file.name)
    if (kept) {
      if (disk.isUnchecked(file.name))
        this.#confirmations.later(file.name, () => confirmKept(file.name, kept.size, this.#options))
      return { reader: this.#mending(file, kept), origin: 'disk' }
    }
    const open = await this.#follow(file)
    return open && { ...open, reader: this.#mending(file, open.reader) }
  }

  /** Opens a file on the disk for whoever asks for it next; without effect where it is not there. */
  openAhead(file: string): void {
    if (!this.#runs.has(file)) this.#openAhead.begin(file)
  }

  /** Closes files opened ahead that nobody has asked for in time. */
  tidy(): void {
    this.#openAhead.expire()
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
    // What was begun ahead may have been given up while this waited for its beginning.
    if (run?.isOver) return this.#follow(file)
    return run && { reader: run.follow(), origin: 'download', isShared }
  }

  /**
   * Begins to fetch a file that no client has asked for, where that takes no asking around.
   *
   * @returns undefined when it is on its way already, or cannot be fetched so
   */
  async fetchAhead(file: NarFile): Promise<NarRun | undefined> {
    if (this.#starting.has(file.name) || this.#runs.has(file.name)) return undefined
    const plan = knownPlan(file, this.#options.disk)
    if (!plan) return undefined
    const start = this.#begin(plan, true).finally(() => this.#starting.delete(file.name))
    this.#starting.set(file.name, start)
    return start
  }

  /**
   * Makes the zstd form of a NAR that is here, for clients to come.
   *
   * @param pace waited for before each piece; it must end soon once a client waits for it
   * @throws AppError NO_ROOM; whatever else ended it
   */
  async repack(file: NarFile, pace: Pace): Promise<Repacked | NotRepacked> {
    const { disk } = this.#options
    const [record] = disk.narinfosOfFile(file.name)
    if (!record)
      return (await disk.zstdForms.leadTo(file.name, Date.now())) ? 'made before' : 'unpromised'
    const target = parseNarFile(repackedFileOf(infoOf(record)))
    const plan = target && planRepack(target, record)
    if (!plan) return 'impossible'
    const { name } = target
    if (this.#starting.has(name) || this.#runs.has(name)) return 'being made'
    const start = this.#begin(plan, true, pace).finally(() => this.#starting.delete(name))
    this.#starting.set(name, start)
    const run = await start
    await run.done
    if (!run.isKept) throw run.fault ?? noRoom(plan)
    return { bytesBefore: infoOf(record).fileSize ?? 0, bytesAfter: run.download.written }
  }

  /**
   * What a HEAD asks: the length, without fetching the file where a narinfo tells it.
   *
   * @returns undefined when the NAR is certainly absent
   */
  async head(file: NarFile): Promise<NarHead | undefined> {
    const { disk, narinfos } = this.#options
    const running = this.#runs.get(file.name)
    const size = running?.download.size
    if (size !== undefined) return { size, origin: 'download' }
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
  use(change: NarsChange): void {
    this.#options = { ...this.#options, ...change }
    this.#limit.concurrency = change.maxDownloads
  }

  /** Waits for the downloads that run; they end early when the signal aborts. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#starting.values()])
    await Promise.allSettled([...this.#runs.values()].map(({ done }) => done))
  }

  /** Ends all of it once the signal has aborted. */
  async close(): Promise<void> {
    this.#openAhead.clear()
    await this.settled()
    // What has run may have left a verdict to come.
    await this.#confirmations.stop()
  }

  /** What turns out damaged on the disk while it is sent is fetched again for the same request. */
  #mending(file: NarFile, reader: NarReader): NarReader {
    const { disk } = this.#options
    return mendingReader(reader, {
      isSameEverywhere: file.shape === 'file' || file.compression === 'none',
      giveUp: (what, damaged) => disk.lose(file.name, what, damaged),
      reopen: async (isGivenUp) => {
        // Another reader may have had it fetched again.
        const kept = isGivenUp ? undefined : await disk.openNar(file.name, Date.now())
        return kept ?? (await this.#follow(file))?.reader
      },
    })
  }

  /** The download of this file that can be followed; one that was given up is waited out. */
  async #running(file: string): Promise<NarRun | undefined> {
    const run = this.#runs.get(file)
    // What has passed through memory is gone: who comes later needs a download of his own.
    if (run && !run.download.isJoinable) return undefined
    if (!run?.isOver) return run
    await run.done
    return this.#running(file)
  }

  async #start(file: NarFile): Promise<NarRun | undefined> {
    const running = await this.#running(file.name)
    if (running) return running
    const plan = await planNar(file, this.#options)
    return plan && this.#begin(plan, false)
  }

  async #begin(plan: NarPlan, isAhead: boolean, pace: Pace = noPause): Promise<NarRun> {
    const { disk, signal } = this.#options
    const { name } = plan.file
    this.#openAhead.drop(name)
    // One whose bytes pass through memory may still run, and its file's name is taken.
    const download = this.#runs.has(name)
      ? disk.startPassing(name, plan.size)
      : await disk.startDownload(name, plan.size, mayResume(plan))
    const run = new NarRun(download, { waits: this.#waits, isAhead, signal })
    // What is fetched ahead waits for its turn elsewhere: it must not take one from a client.
    const limit = plan.original ? this.#repackLimit : this.#limit
    let whole = Promise.resolve()
    const fetch = () => {
      whole = this.#run(plan, run, pace)
      return Promise.race([whole, run.arrived])
    }
    const isFetch = Number(plan.original === undefined)
    this.#fetching += isFetch
    if (this.#fetching > 1) this.#crowdedAt = performance.now()
    run.fetched = (isAhead ? fetch() : takeTurn(limit, run.signal, fetch)).finally(() => {
      this.#fetching -= isFetch
      if (isFetch) this.#fetchedAt = performance.now()
    })
    run.done = run.fetched.then(() => whole)
    this.#runs.set(name, run)
    return run
  }

  /** True while NARs are fetched many at once: between two of them there are gaps. */
  get #isCrowd(): boolean {
    return performance.now() - this.#crowdedAt < crowdMs
  }

  /** True when the one NAR that is fetched is not one of many. */
  #isAlone(): boolean {
    return this.#fetching === 1 && !this.#isCrowd
  }

  /** Opens a file, and tells when all of it is here. */
  async #openOriginal(file: NarFile) {
    const open = await this.open(file)
    return open && { ...open, arrived: this.#runs.get(file.name)?.fetched }
  }

  async #run(plan: NarPlan, run: NarRun, pace: Pace): Promise<void> {
    const { name } = plan.file
    this.#working.add(name)
    await carryOut(plan, run, {
      ...this.#options,
      quarantine: this.#quarantine,
      lanes: this.#lanes,
      confirmations: this.#confirmations,
      isAlone: () => this.#isAlone(),
      keep: (work) => (this.#isCrowd ? this.#lull.wait(work) : work()),
      open: (file) => this.#openOriginal(file),
      pace,
    }).finally(() => {
      // In one step: who finds the download in the map may still open it.
      if (this.#runs.get(name) === run) this.#runs.delete(name)
      this.#working.delete(name)
      run.download.release()
    })
  }
}

type Pace = (hasClient: () => boolean) => Promise<void>

const noPause = () => Promise.resolve()
