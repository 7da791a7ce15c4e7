import { stat } from 'node:fs/promises'
import { messageOf } from '../errors.ts'
import type { Client } from '../policy/intent.ts'
import { parseNarFile } from '../policy/nar-file.ts'
import type { NarForecast } from '../policy/nar-forecast.ts'
import type { PathFacts } from '../policy/path-facts.ts'
import type { Disk } from '../store/disk.ts'
import type { Log, Telemetry } from '../telemetry.ts'
import { makeForecast } from './make-forecast.ts'
import type { Narinfos } from './narinfos.ts'
import type { Nars, OpenNar } from './nars.ts'
import { AheadNars } from './prefetch-ahead.ts'
import { prefetchRoom } from './prefetch-room.ts'

export interface NarPrefetchOptions {
  readonly disk: Disk
  readonly narinfos: Narinfos
  readonly nars: Nars
  /** Fetched at the same time; 0 to fetch none. */
  readonly maxConcurrent: number
  readonly isStopping: () => boolean
  readonly log: Log
  readonly telemetry: Telemetry
}

/** A client that has asked for no NAR for this long has left, or was only looking. */
const sessionMs = 5_000
/** A burst of narinfos is taken in at once. */
const burstMs = 100
/** Of the time, at most one part in so many goes into forecasts for one client. */
const restFactor = 10

/** Files on the disk that are opened before a client asks for them. */
const maxOpenAhead = 4

/** A client that downloads, and what it will want next. */
interface Session {
  readonly client: Client
  /** NARs it is being sent. */
  streams: number
  lastNarAt: number
  forecast: NarForecast | undefined
  /** True when there are narinfos the forecast knows nothing of. */
  isStale: boolean
  /** Before this, no new one is made. */
  notBefore: number
  isPlanning: boolean
  /** Files it asked for while the forecast was being made. */
  missed: string[]
}

/** Fetches the NARs of the narinfos a client has asked for, once it has begun to download. */
export class NarPrefetch {
  #options: NarPrefetchOptions
  readonly #sessions = new Map<Client, Session>()
  readonly ahead: AheadNars
  #isPumping = false
  #pumpAgain = false

  constructor(options: NarPrefetchOptions) {
    this.#options = options
    this.ahead = new AheadNars(options.telemetry.prefetch.nar)
  }

  /** Goes over to another configuration; what was being fetched for nobody is let go. */
  use(options: NarPrefetchOptions): void {
    this.stop()
    this.#options = options
  }

  stop(): void {
    for (const session of [...this.#sessions.values()]) this.#end(session)
  }

  /** Notes that a client got another narinfo. */
  wants(client: Client): void {
    const session = this.#sessions.get(client)
    if (!session || session.isStale) return
    session.isStale = true
    setTimeout(() => void this.#pump(), burstMs).unref()
  }

  /**
   * Notes that a NAR was opened for a client.
   *
   * @param client undefined for who is no client, but fetches ahead itself
   * @returns true when it was here, or on its way, because it was fetched ahead
   */
  opened(client: Client | undefined, file: string, open: OpenNar | undefined): boolean {
    const isHere = open !== undefined && (open.origin === 'disk' || open.isShared === true)
    const wasAhead = this.ahead.opened(file, isHere, performance.now())
    if (client && this.#options.maxConcurrent > 0) this.#noteDownload(client, file)
    if (this.#sessions.size > 0) void this.#pump()
    return wasAhead && isHere
  }

  /** Notes that a NAR has been sent, or not; to be called once after each opened(). */
  closed(client: Client | undefined): void {
    const session = client && this.#sessions.get(client)
    if (!session) return
    session.streams = Math.max(0, session.streams - 1)
    session.lastNarAt = performance.now()
    client.noteNar(session.lastNarAt)
    for (const { file } of session.forecast?.coming(maxOpenAhead) ?? [])
      this.#options.nars.openAhead(file)
  }

  /** Ends the sessions of clients that have left, and gives up what nobody has asked for in time. */
  tidy(): void {
    const now = performance.now()
    for (const session of [...this.#sessions.values()])
      if (session.streams === 0 && now - session.lastNarAt >= sessionMs) this.#end(session)
    this.ahead.expire(now, (client) => this.#sessions.has(client))
    this.#options.nars.tidy()
    if (this.#sessions.size > 0) void this.#pump()
  }

  #noteDownload(client: Client, file: string): void {
    let session = this.#sessions.get(client)
    const lastNarAt = performance.now()
    client.noteNar(lastNarAt)
    if (session) session.lastNarAt = lastNarAt
    else {
      // A client that asks for no narinfos remembers what it wants, and does not tell.
      if (client.size === 0) return
      const forecast = undefined
      const state = { isStale: true, notBefore: 0, isPlanning: false, missed: [] }
      session = { client, streams: 0, lastNarAt, forecast, ...state }
      this.#sessions.set(client, session)
    }
    session.streams += 1
    if (!session.forecast || session.isPlanning) session.missed.push(file)
    if (session.forecast) this.#learn(session, file)
  }

  #learn({ client, forecast }: Session, file: string): void {
    const insight = forecast?.asked(file)
    if (!insight?.asked) return
    client.drop(insight.asked.hash)
    for (const path of insight.passed) this.ahead.passed(path.file, client, performance.now())
    for (const path of insight.there) {
      client.drop(path.hash)
      this.ahead.waste(path.file, client, performance.now())
    }
  }

  #end(session: Session): void {
    this.#sessions.delete(session.client)
    this.ahead.letGo(session.client, performance.now())
  }

  async #pump(): Promise<void> {
    this.#pumpAgain = true
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#pumpAgain) {
        this.#pumpAgain = false
        await this.#startAll()
      }
    } catch (error) {
      this.#options.log.debug({}, `stopped fetching NARs ahead for now: ${messageOf(error)}`)
    } finally {
      this.#isPumping = false
    }
  }

  /** Starts as many as may run now, one for each client in turn. */
  async #startAll(): Promise<void> {
    const { log } = this.#options
    for (let started = true; started; ) {
      started = false
      for (const session of [...this.#sessions.values()]) {
        if (isDue(session))
          this.#plan(session).catch((error: unknown) =>
            log.warn({ err: error }, `could not plan what to fetch ahead: ${messageOf(error)}`),
          )
        if (!this.#mayStart(session)) continue
        const path = session.forecast?.next()
        if (!path) continue
        const outcome = await this.#start(session, path)
        if (outcome === 'no room') return
        started = true
      }
    }
  }

  #mayStart({ client }: Session): boolean {
    const { maxConcurrent, nars, isStopping } = this.#options
    if (isStopping() || this.ahead.running >= maxConcurrent) return false
    if (nars.isCrowded(maxConcurrent)) return false
    return this.ahead.countFor(client) < client.window.size(performance.now())
  }

  async #start(session: Session, path: PathFacts): Promise<'settled' | 'no room'> {
    const { forecast, client } = session
    const { disk, nars, log } = this.#options
    const isHere = await isKept(path.file, disk)
    if (!forecast?.isOpen(path.hash) || this.#sessions.get(client) !== session) return 'settled'
    const file = parseNarFile(path.file)
    if (isHere || !file || this.ahead.has(path.file)) {
      forecast.settle(path.hash)
      return 'settled'
    }
    const room = await prefetchRoom(disk)
    if (path.bytes > room.maxFileBytes) {
      forecast.settle(path.hash)
      return 'settled'
    }
    const bytes = this.ahead.bytes + path.bytes
    if (bytes > room.maxBytes || this.ahead.runningBytes + path.bytes > room.spareBytes) {
      log.debug({ file: path.file }, 'no room to fetch a NAR ahead')
      return 'no room'
    }
    // The client may have asked, or left, while this looked around.
    if (!forecast.isOpen(path.hash) || !this.#mayStart(session)) return 'settled'
    forecast.settle(path.hash)
    log.debug({ file: path.file }, 'fetching a NAR ahead')
    const entry = this.ahead.begin(path.file, path.bytes, client)
    const run = await nars.fetchAhead(file)
    this.ahead.follow(entry, run, () => void this.#pump())
    return 'settled'
  }

  /** Works out what the client wants, from the narinfos it has asked for so far. */
  async #plan(session: Session): Promise<void> {
    const started = performance.now()
    session.isPlanning = true
    session.isStale = false
    try {
      const { client, forecast } = session
      session.forecast = await makeForecast(client, this.#options.narinfos, forecast)
    } finally {
      session.isPlanning = false
      const ended = performance.now()
      session.notBefore = ended + Math.max(burstMs, restFactor * (ended - started))
    }
    for (const file of session.missed.splice(0)) this.#learn(session, file)
    void this.#pump()
  }
}

function isDue({ isStale, isPlanning, notBefore }: Session): boolean {
  return isStale && !isPlanning && performance.now() >= notBefore
}

/** Of a complete index the word is taken: a client that finds it wrong fetches the file itself. */
async function isKept(file: string, disk: Disk): Promise<boolean> {
  if (disk.isIndexComplete) return disk.holds(file)
  return stat(disk.layout.nar(file)).then(
    (stats) => stats.isFile(),
    () => false,
  )
}
