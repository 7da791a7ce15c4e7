import { isAppError, messageOf } from '../errors.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { LookAhead } from '../policy/look-ahead.ts'
import { referencesIn } from '../policy/path-facts.ts'
import type { Log, Telemetry } from '../telemetry.ts'
import type { Narinfos } from './narinfos.ts'

export interface NarinfoPrefetchOptions {
  readonly narinfos: Narinfos
  /** Fetched at the same time beside what clients wait for; 0 to fetch none. */
  readonly maxConcurrent: number
  readonly isStopping: () => boolean
  readonly log: Log
  readonly telemetry: Telemetry
}

/** Fetches the narinfos that those a client has asked for refer to, and theirs, behind all clients. */
export class NarinfoPrefetch {
  #options: NarinfoPrefetchOptions
  readonly #ahead = new LookAhead()
  #isTurnAwaited = false
  #aborting = new AbortController()

  constructor(options: NarinfoPrefetchOptions) {
    this.#options = options
  }

  /** Narinfos fetched that no client has asked for yet. */
  get unasked(): number {
    return this.#ahead.unasked
  }

  /** Goes over to another configuration; what was being fetched under the old one is let go. */
  use(options: NarinfoPrefetchOptions): void {
    this.stop()
    this.#aborting = new AbortController()
    this.#options = options
  }

  stop(): void {
    this.#aborting.abort()
    this.#ahead.clear()
  }

  /**
   * Notes that a client got this narinfo.
   *
   * @returns true when it was here because it was fetched ahead
   */
  asked(hash: StoreHash): boolean {
    const bytes = this.#ahead.asked(hash)
    if (bytes === undefined) return false
    this.#noteUse(bytes)
    return true
  }

  /** Fetches what this narinfo refers to, as far as nobody here knows it. */
  followReferences(hash: StoreHash, text: Buffer): void {
    const { narinfos, maxConcurrent } = this.#options
    if (maxConcurrent === 0) return
    const now = performance.now()
    for (const reference of referencesIn(text, hash))
      if (!narinfos.isKnown(reference)) this.#ahead.add(reference, now)
  }

  /**
   * Starts as many as may run, one in each turn of the event loop from the next one on: the client
   * that has just got a narinfo asks for its NAR, and would find a dozen requests made before it.
   *
   * One that a client has come to wait for is that client's own, and leaves its place to another: Nix
   * asks in the same order, so it would soon wait for all of them.
   */
  pump(): void {
    if (this.#isTurnAwaited) return
    this.#isTurnAwaited = true
    setImmediate(() => {
      this.#isTurnAwaited = false
      if (this.#startOne()) this.pump()
    })
  }

  /** Gives up what nobody has asked for in time. */
  expire(): void {
    const { narinfos, bytes } = this.#ahead.expire(performance.now())
    const counters = this.#options.telemetry.prefetch.narinfo
    counters.wasted += narinfos
    counters.wastedBytes += bytes
  }

  #startOne(): boolean {
    const { narinfos, maxConcurrent, isStopping } = this.#options
    if (narinfos.aheadFlights >= maxConcurrent || isStopping()) return false
    const hash = this.#ahead.next(narinfos.aheadFlights, performance.now())
    if (!hash) return false
    void this.#fetch(hash).finally(() => this.pump())
    return true
  }

  async #fetch(hash: StoreHash): Promise<void> {
    const { narinfos, telemetry, log } = this.#options
    const { signal } = this.#aborting
    try {
      const found = await narinfos.fetchAhead(hash, signal)
      if (!found) return
      const bytes = found.text.length
      telemetry.prefetch.narinfo.fetched += 1
      telemetry.prefetch.narinfo.fetchedBytes += bytes
      if (found.hasClient) this.#noteUse(bytes)
      else this.#ahead.fetched(hash, bytes, performance.now())
      if (!signal.aborted) this.followReferences(hash, found.text)
    } catch (error) {
      const isExpected = isAppError(error) || signal.aborted
      const fields = { hash, err: isExpected ? undefined : error }
      log[isExpected ? 'debug' : 'warn'](fields, `fetched no narinfo ahead: ${messageOf(error)}`)
    }
  }

  #noteUse(bytes: number): void {
    const counters = this.#options.telemetry.prefetch.narinfo
    counters.used += 1
    counters.usedBytes += bytes
  }
}
