import type { StoreHash } from '../nix/store-path.ts'
import { type Client, Clients } from '../policy/intent.ts'
import type { Disk } from '../store/disk.ts'
import type { Log, Telemetry } from '../telemetry.ts'
import type { NarinfoAnswer, Narinfos, ReadyNarinfo } from './narinfos.ts'
import type { Nars, OpenNar } from './nars.ts'
import { NarinfoPrefetch } from './prefetch-narinfos.ts'
import { NarPrefetch } from './prefetch-nars.ts'

/** What changes with the configuration. */
export interface PrefetchSettings {
  readonly narinfos: Narinfos
  readonly nars: Nars
  /** Narinfos fetched ahead at the same time; 0 to fetch none. */
  readonly maxNarinfos: number
  /** The same for NARs. */
  readonly maxNars: number
}

export interface PrefetchOptions extends PrefetchSettings {
  readonly disk: Disk
  readonly isStopping: () => boolean
  readonly log: Log
  readonly telemetry: Telemetry
  /** Ends all of it. */
  readonly signal: AbortSignal
}

/** What has been fetched ahead and not been asked for yet. */
export interface AheadReport {
  readonly narinfos: number
  readonly nars: number
  /** Of these NARs, in bytes. */
  readonly narBytes: number
}

const tidyEveryMs = 1_000
/** Of the connections to an upstream, clients always have the rest to themselves. */
const shareOfConnections = 0.25

/** How many of a kind may be fetched ahead at the same time; none where connections are very few. */
export function slotsFor(
  isOn: boolean,
  maxConcurrent: number,
  upstreamConnections: number,
): number {
  return isOn ? Math.min(maxConcurrent, Math.floor(upstreamConnections * shareOfConnections)) : 0
}

/** Watches what clients ask for, and fetches what they will ask for next, behind all they wait for. */
export class Prefetch {
  #options: PrefetchOptions
  readonly #clients = new Clients()
  readonly #narinfos: NarinfoPrefetch
  readonly #nars: NarPrefetch

  constructor(options: PrefetchOptions) {
    this.#options = options
    this.#narinfos = new NarinfoPrefetch(narinfoPart(options))
    this.#nars = new NarPrefetch(narPart(options))
    const timer = setInterval(() => this.#tidy(), tidyEveryMs).unref()
    options.signal.addEventListener('abort', () => {
      clearInterval(timer)
      this.#narinfos.stop()
      this.#nars.stop()
    })
  }

  get report(): AheadReport {
    const { count: nars, bytes: narBytes } = this.#nars.ahead
    return { narinfos: this.#narinfos.unasked, nars, narBytes }
  }

  /** Goes over to another configuration; what was being fetched for nobody is let go. */
  use(change: PrefetchSettings): void {
    this.#options = { ...this.#options, ...change }
    this.#narinfos.use(narinfoPart(this.#options))
    this.#nars.use(narPart(this.#options))
  }

  /** @param key what tells this client from others */
  clientOf(key: string): Client {
    return this.#clients.of(key, performance.now())
  }

  /**
   * Notes that a narinfo was sent from memory.
   *
   * @param client undefined for who fetches ahead himself
   * @returns true when it was there because it was fetched ahead
   */
  sentReady(client: Client | undefined, hash: StoreHash, ready: ReadyNarinfo): boolean {
    if (client) this.#note(client, hash)
    if (ready.hasClient) return false
    if (client) {
      ready.hasClient = true
      this.#narinfos.followReferences(hash, ready.text)
      this.#narinfos.pump()
    }
    return this.#narinfos.asked(hash)
  }

  /** The same for a narinfo that took some finding, or was not found. */
  sentFound(client: Client | undefined, hash: StoreHash, answer: NarinfoAnswer): boolean {
    const { text, isShared, isAhead = false } = answer
    const wasAhead = this.#narinfos.asked(hash) || isAhead
    if (client && text) {
      this.#note(client, hash)
      if (!isShared || isAhead) this.#narinfos.followReferences(hash, text)
    }
    this.#narinfos.pump()
    return wasAhead && text !== undefined
  }

  /** As NarPrefetch.opened. */
  narOpened(client: Client | undefined, file: string, open: OpenNar | undefined): boolean {
    return this.#nars.opened(client, file, open)
  }

  /** As NarPrefetch.closed. */
  narClosed(client: Client | undefined): void {
    this.#nars.closed(client)
  }

  #note(client: Client, hash: StoreHash): void {
    if (client.note(hash, performance.now())) this.#nars.wants(client)
  }

  #tidy(): void {
    this.#clients.tidy(performance.now())
    this.#narinfos.expire()
    this.#nars.tidy()
    this.#narinfos.pump()
  }
}

function narinfoPart(options: PrefetchOptions) {
  return { ...options, maxConcurrent: options.maxNarinfos }
}

function narPart(options: PrefetchOptions) {
  return { ...options, maxConcurrent: options.maxNars }
}
