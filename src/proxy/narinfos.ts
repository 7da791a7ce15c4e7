import { LRUCache } from 'lru-cache'
import { isAppError } from '../errors.ts'
import type { KeyRing } from '../nix/signature.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { requireTrust } from '../policy/trust.ts'
import type { Disk } from '../store/disk.ts'
import type { NarinfoRecord } from '../store/sqlite-index.ts'
import type { Log } from '../telemetry.ts'
import { askUpstreams } from './ask-upstreams.ts'
import { handOut, infoOf, narHashText } from './hand-out.ts'
import { persist } from './persist.ts'
import type { Upstream } from './upstream.ts'

export interface NarinfosOptions {
  readonly disk: Disk
  readonly upstreams: readonly Upstream[]
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
  readonly #memory: LRUCache<StoreHash, Buffer>
  /** When every upstream last said it has none, by performance.now(). */
  readonly #absent: LRUCache<StoreHash, number>
  readonly #flights = new Map<StoreHash, Promise<NarinfoAnswer>>()
  readonly #allKeys: KeyRing

  constructor(options: NarinfosOptions) {
    this.#options = options
    this.#memory = new LRUCache({
      maxSize: Math.max(1, options.memoryBytes),
      sizeCalculation: (text) => text.length + storeHashBytes + entryOverheadBytes,
    })
    this.#absent = new LRUCache({ max: maxRememberedAbsences, ttl: maxStaleMs })
    this.#allKeys = new Map(options.upstreams.flatMap(({ keys }) => [...keys]))
  }

  /** What is kept in memory; `bytes` as it counts against the limit. */
  get memory(): { readonly narinfos: number; readonly bytes: number; readonly absences: number } {
    const { size: narinfos, calculatedSize: bytes } = this.#memory
    return { narinfos, bytes, absences: this.#absent.size }
  }

  /** The answer that needs no waiting, if there is one. */
  ready(hash: StoreHash): Buffer | undefined {
    return this.#memory.get(hash)
  }

  /** @throws AppError as askUpstreams does */
  async find(hash: StoreHash): Promise<NarinfoAnswer> {
    const text = this.#memory.get(hash)
    if (text) return { text, origin: 'memory' }
    if (this.#isAbsent(hash, this.#options.negativeTtlMs))
      return { text: undefined, origin: 'memory' }
    const running = this.#flights.get(hash)
    if (running) return { ...(await running), isShared: true }
    const flight = this.#find(hash).finally(() => this.#flights.delete(hash))
    this.#flights.set(hash, flight)
    return flight
  }

  /** Drops a narinfo whose NAR nobody has any more. */
  async forget(hash: StoreHash): Promise<void> {
    this.#memory.delete(hash)
    await this.#options.disk.forget(hash)
  }

  /** Takes the narinfo's new text, such as one that has gained a FileHash. */
  refresh(record: NarinfoRecord): void {
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
    const { disk, upstreams, storeDir, patienceMs, log, signal } = this.#options
    const started = performance.now()
    const find = await persist(
      () => askUpstreams(upstreams, { hash, storeDir, log, signal }),
      () => started,
      { upstreams, patienceMs, signal },
    )
    if (!find) return undefined
    const record = handOut(find.info, find.upstream.source.name)
    await disk.keep(record, narHashText(find.info))
    return record
  }

  #remember(record: NarinfoRecord): Buffer {
    const text = Buffer.from(record.text)
    this.#absent.delete(record.hash)
    this.#memory.set(record.hash, text)
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
