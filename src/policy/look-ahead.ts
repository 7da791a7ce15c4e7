import type { StoreHash } from '../nix/store-path.ts'

/** Narinfos fetched that no client has asked for yet, at most. */
const maxUnasked = 512
/** A client that wants it asks within moments. */
const unaskedMs = 60_000
const maxQueued = 4096
/** For how long nothing is looked at a second time. */
const seenMs = 60_000
const maxSeen = 16_384

/** What came of narinfos fetched ahead. */
export interface Outcome {
  readonly narinfos: number
  readonly bytes: number
}

/**
 * Decides which narinfos to fetch before a client asks for them, and when: breadth first, none
 * twice, and only so far ahead of the clients.
 *
 * Times are of a clock that never jumps, in milliseconds.
 */
export class LookAhead {
  /** To be fetched, the oldest first, with when they were queued. */
  readonly #queue = new Map<StoreHash, number>()
  readonly #seen = new Map<StoreHash, number>()
  readonly #unasked = new Map<StoreHash, { readonly since: number; readonly bytes: number }>()

  /** Narinfos fetched that no client has asked for yet. */
  get unasked(): number {
    return this.#unasked.size
  }

  /** Queues a path, unless it was looked at a moment ago. */
  add(hash: StoreHash, now: number): void {
    const seen = this.#seen.get(hash)
    if (seen !== undefined && now - seen < seenMs) return
    this.#seen.delete(hash)
    this.#seen.set(hash, now)
    dropOldest(this.#seen, maxSeen)
    this.#queue.set(hash, now)
    dropOldest(this.#queue, maxQueued)
  }

  /**
   * Takes the next one to fetch.
   *
   * @param running how many are being fetched
   */
  next(running: number, now: number): StoreHash | undefined {
    for (const [hash, since] of this.#queue) {
      if (now - since < unaskedMs && this.#unasked.size + running >= maxUnasked) return undefined
      this.#queue.delete(hash)
      if (now - since < unaskedMs) return hash
    }
    return undefined
  }

  /** Notes that one was fetched that nobody has asked for. */
  fetched(hash: StoreHash, bytes: number, now: number): void {
    this.#unasked.set(hash, { since: now, bytes })
  }

  /**
   * Notes that somebody asked for this one.
   *
   * @returns its bytes when it had been fetched ahead and nobody had asked for it before
   */
  asked(hash: StoreHash): number | undefined {
    this.#queue.delete(hash)
    const bytes = this.#unasked.get(hash)?.bytes
    this.#unasked.delete(hash)
    return bytes
  }

  /** Gives up those that nobody has asked for in time. */
  expire(now: number): Outcome {
    let bytes = 0
    let narinfos = 0
    for (const [hash, entry] of this.#unasked) {
      if (now - entry.since < unaskedMs) break
      this.#unasked.delete(hash)
      narinfos += 1
      bytes += entry.bytes
    }
    return { narinfos, bytes }
  }

  /** Forgets what was to be fetched. */
  clear(): void {
    this.#queue.clear()
    this.#seen.clear()
  }
}

function dropOldest(map: Map<StoreHash, unknown>, max: number): void {
  if (map.size <= max) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
