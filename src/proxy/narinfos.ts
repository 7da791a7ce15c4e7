import { LRUCache } from 'lru-cache'
import { isAppError } from '../errors.ts'
import type { KeyRing } from '../nix/signature.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { requireTrust } from '../policy/trust.ts'
import type { Disk } from '../store/disk.ts'
import { infoOf } from '../store/record-info.ts'
import type { NarinfoEntry, NarinfoRecord } from '../store/sqlite-index.ts'
import type { Log } from '../telemetry.ts'
import { askUpstreams, type Find } from './ask-upstreams.ts'
import { handOut, narHashText } from './hand-out.ts'
import { persist } from './persist.ts'
import { Quarantine } from './quarantine.ts'
import { quietly } from './quietly.ts'
import type { Upstream } from './upstream.ts'

export interface NarinfosOptions {
  readonly disk: Disk
  readonly upstreams: readonly Upstream[]
  /** Keys that sign what is pushed here; believed of what is on the disk. */
  readonly ownKeys?: KeyRing
  readonly storeDir: string
  readonly memoryBytes: number
  readonly negativeTtlMs: number
  readonly patienceMs: number
  readonly log: Log
  readonly signal: AbortSignal
}

/** Where an answer came from, for the response's header and the counters. */
export type NarinfoOrigin = 'memory' | 'disk' | 'upstream' | 'stale'

export interface NarinfoAnswer {
  /** Ready to send; undefined when the path is certainly absent. */
  readonly text: Buffer | undefined
  readonly origin: NarinfoOrigin
  /** True when another request had asked already and both got its answer. */
  readonly isShared?: boolean
  /** True for the first client to share what was being fetched ahead. */
  readonly isAhead?: boolean
}

/** A narinfo in memory. */
export interface ReadyNarinfo {
  readonly text: Buffer
  /** True once a client was answered with it; kept by who fetches ahead. */
  hasClient: boolean
}

interface Flight {
  readonly answer: Promise<NarinfoAnswer>
  /** True when it was begun before any client asked: it may give up early. */
  readonly isAhead: boolean
  hasClient: boolean
}

/** About what an entry costs beside its text: key, list node, Buffer object. */
const entryOverheadBytes = 256
const maxRememberedAbsences = 100_000
const storeHashBytes = 32
/** While nobody can say, an absence this old still counts; as long as clients remember theirs. */
const maxStaleMs = 3_600_000

/** Finds narinfos: memory, then disk, then all upstreams, once for all who ask at the same time. */
export class Narinfos {
  readonly #options: NarinfosOptions
  readonly #memory: LRUCache<StoreHash, ReadyNarinfo>
  /** When every upstream last said it has none, by performance.now(). */
  readonly #absent: LRUCache<StoreHash, number>
  readonly #flights = new Map<StoreHash, Flight>()
  /** Which upstream's narinfo of which path led to wrong bytes. */
  readonly #disbelieved = new Quarantine(() => performance.now())
  #aheadFlights = 0
  #next: Narinfos | undefined
  readonly #allKeys: KeyRing

  constructor(options: NarinfosOptions) {
    this.#options = options
    this.#memory = new LRUCache({
      maxSize: Math.max(1, options.memoryBytes),
      sizeCalculation: ({ text }) => text.length + storeHashBytes + entryOverheadBytes,
    })
    this.#absent = new LRUCache({ max: maxRememberedAbsences, ttl: maxStaleMs })
    const { upstreams, ownKeys = [] } = options
    this.#allKeys = new Map([...upstreams.flatMap(({ keys }) => [...keys]), ...ownKeys])
  }

  /** Lets those who still hold these narinfos reach others that take their place. */
  handOver(next: Narinfos): void {
    this.#next = next
  }

  /** What is kept in memory; `bytes` as it counts against the limit. */
  get memory(): { readonly narinfos: number; readonly bytes: number; readonly absences: number } {
    const { size: narinfos, calculatedSize: bytes } = this.#memory
    return { narinfos, bytes, absences: this.#absent.size }
  }

  /** How many questions to the upstreams no client waits for. */
  get aheadFlights(): number {
    return this.#aheadFlights
  }

  /** The answer that needs no waiting, if there is one. */
  ready(hash: StoreHash): ReadyNarinfo | undefined {
    return this.#memory.get(hash)
  }

  /** Its text from memory or disk, whether anybody asks for it or not. */
  async peek(hash: StoreHash): Promise<Buffer | undefined> {
    const ready = this.#memory.peek(hash)
    if (ready) return ready.text
    const kept = await this.#options.disk.narinfo(hash)
    return kept && Buffer.from(kept.text)
  }

  /** True when memory has the answer, or a request for it runs. The disk may have more. */
  isKnown(hash: StoreHash): boolean {
    return (
      this.#memory.has(hash) ||
      this.#flights.has(hash) ||
      this.#isAbsent(hash, this.#options.negativeTtlMs)
    )
  }

  /** @throws AppError as askUpstreams does */
  async find(hash: StoreHash): Promise<NarinfoAnswer> {
    const ready = this.#memory.get(hash)
    if (ready) return { text: ready.text, origin: 'memory' }
    if (this.#isAbsent(hash, this.#options.negativeTtlMs))
      return { text: undefined, origin: 'memory' }
    const running = this.#flights.get(hash)
    if (!running) return this.#fly(hash, () => this.#find(hash))
    const isAhead = this.#join(running)
    try {
      return { ...(await running.answer), isShared: true, isAhead }
    } catch (error) {
      if (!running.isAhead) throw error
      // It gave up where a client's own would have had patience.
      return this.find(hash)
    }
  }

  /**
   * Fetches a narinfo that no client has asked for, once and without patience.
   *
   * @returns its text, and whether a client has joined meanwhile; undefined when it is known here
   *   already or certainly absent
   * @throws AppError as askUpstreams does
   */
  async fetchAhead(
    hash: StoreHash,
    signal: AbortSignal,
  ): Promise<{ readonly text: Buffer; readonly hasClient: boolean } | undefined> {
    if (this.isKnown(hash)) return undefined
    const answer = await this.#fly(hash, () => this.#findAhead(hash, signal), signal)
    if (!answer.text || answer.origin !== 'upstream') return undefined
    return { text: answer.text, hasClient: answer.isAhead === true }
  }

  #fly(
    hash: StoreHash,
    work: () => Promise<NarinfoAnswer>,
    ahead?: AbortSignal,
  ): Promise<NarinfoAnswer> {
    const isAhead = ahead !== undefined
    const answer = work().finally(() => {
      this.#flights.delete(hash)
      if (!flight.hasClient) this.#aheadFlights -= 1
    })
    const flight: Flight = { answer, isAhead, hasClient: !isAhead }
    this.#flights.set(hash, flight)
    if (!isAhead) return answer
    this.#aheadFlights += 1
    return answer.then((found) => ({ ...found, isAhead: flight.hasClient }))
  }

  /** @returns true for the first client of a flight that was begun ahead of it */
  #join(flight: Flight): boolean {
    if (flight.hasClient) return false
    flight.hasClient = true
    this.#aheadFlights -= 1
    return true
  }

  /**
   * Drops a narinfo whose NAR nobody has any more.
   *
   * @returns where it led at last; undefined where nobody can say
   */
  async forget(hash: StoreHash): Promise<NarinfoEntry | undefined> {
    this.#drop(hash)
    const forgotten = await this.#options.disk.forget(hash)
    // Who asked meanwhile has found it once more.
    this.#drop(hash)
    return forgotten
  }

  #drop(hash: StoreHash): void {
    this.#memory.delete(hash)
    if (this.#next) this.#next.#drop(hash)
  }

  /**
   * Drops a narinfo that led to wrong bytes, and leaves its upstream out when this path is asked for
   * again soon.
   */
  async disbelieve({ hash, upstream }: NarinfoRecord): Promise<void> {
    if (upstream !== undefined) this.#disbelieved.add(upstream, hash)
    await this.forget(hash)
  }

  /** Takes the narinfo's new text, such as one that has gained a FileHash. */
  refresh(record: NarinfoRecord): void {
    this.#next?.refresh(record)
    // What stands in memory was judged when it came there.
    if (this.#memory.peek(record.hash)?.text.equals(Buffer.from(record.text))) return
    // Its download may have begun when other keys were believed.
    if (this.#isTrusted(record)) this.#remember(record)
  }

  async #find(hash: StoreHash): Promise<NarinfoAnswer> {
    const { disk } = this.#options
    const kept = await disk.narinfo(hash)
    if (kept && this.#isTrusted(kept)) return { text: this.#remember(kept), origin: 'disk' }
    const record = await this.ask(hash).catch((error: unknown) => {
      if (!isAppError(error, 'NO_ANSWER', 'UNSURE') || !this.#isAbsent(hash, maxStaleMs))
        throw error
      return 'stale' as const
    })
    if (record === 'stale') return { text: undefined, origin: 'stale' }
    if (record) return { text: this.#remember(record), origin: 'upstream' }
    this.#absent.set(hash, performance.now())
    return { text: undefined, origin: 'upstream' }
  }

  async #findAhead(hash: StoreHash, signal: AbortSignal): Promise<NarinfoAnswer> {
    const { disk, storeDir, log } = this.#options
    const kept = await disk.narinfo(hash)
    if (kept && this.#isTrusted(kept)) return { text: this.#remember(kept), origin: 'disk' }
    const upstreams = this.#believed(hash)
    const question = { hash, storeDir, log: quietly(log), signal, isPrefetch: true }
    const find = await askUpstreams(upstreams, question)
    const text = find && this.#remember(await this.#keep(find))
    if (!text) this.#absent.set(hash, performance.now())
    return { text, origin: 'upstream' }
  }

  #isAbsent(hash: StoreHash, maxAgeMs: number): boolean {
    const since = this.#absent.get(hash)
    return since !== undefined && performance.now() - since < maxAgeMs
  }

  /**
   * Asks the upstreams, whatever is remembered here, and keeps what they say.
   *
   * @returns undefined when it is certainly absent
   */
  async ask(hash: StoreHash): Promise<NarinfoRecord | undefined> {
    const { storeDir, patienceMs, log, signal } = this.#options
    const upstreams = this.#believed(hash)
    const started = performance.now()
    const find = await persist(
      () => askUpstreams(upstreams, { hash, storeDir, log, signal }),
      () => started,
      { awaited: () => upstreams, patienceMs, signal },
    )
    return find && this.#keep(find)
  }

  /** Who may be asked for this path: all, where nobody else is left. */
  #believed(hash: StoreHash): readonly Upstream[] {
    const { upstreams } = this.#options
    const others = upstreams.filter(({ source }) => !this.#disbelieved.has(source.name, hash))
    return others.length > 0 ? others : upstreams
  }

  async #keep({ info, upstream }: Find): Promise<NarinfoRecord> {
    const record = handOut(info, upstream.source.name)
    return this.#options.disk.keep(record, narHashText(info))
  }

  #remember(record: NarinfoRecord): Buffer {
    const text = Buffer.from(record.text)
    this.#absent.delete(record.hash)
    const hasClient = this.#memory.peek(record.hash)?.hasClient ?? false
    this.#memory.set(record.hash, { text, hasClient })
    return text
  }

  /** Judged anew whenever it enters memory: keys may have been withdrawn since it was kept. */
  #isTrusted(record: NarinfoRecord): boolean {
    const { upstreams, storeDir, log } = this.#options
    const from = upstreams.find(({ source }) => source.name === record.upstream)
    try {
      requireTrust(infoOf(record), {
        hash: record.hash,
        storeDir,
        keys: this.#allKeys,
        verify: from?.verify ?? 'signature',
      })
      return true
    } catch (error) {
      if (!isAppError(error)) throw error
      log.info({ code: error.code, hash: record.hash }, `not served from disk: ${error.message}`)
      return false
    }
  }
}
