import type { StoreHash } from '../nix/store-path.ts'
import { NarWindow } from './nar-window.ts'

const maxClients = 256
const maxIntents = 8192
const maxIntentsOfAll = 65_536
/** What a client asked for longer ago says nothing about what it does now, unless it goes on with it. */
const intentMs = 600_000

/** A client that asks for no NAR for this long has got what it wanted. */
const pauseMs = 60_000

/**
 * One client, and the narinfos it has asked for lately and got: paths it may be about to download.
 *
 * Times are of a clock that never jumps, in milliseconds.
 */
export class Client {
  readonly key: string
  readonly window = new NarWindow()
  /** When each was asked for last, in the order of first asking. */
  readonly #intents = new Map<StoreHash, number>()
  lastSeen: number
  /** Since when it downloads without a pause; undefined before its first NAR. */
  #downloadsSince: number | undefined
  #lastNarAt = Number.NEGATIVE_INFINITY
  /** True once there were too many clients: whoever holds this one must get another. */
  isForgotten = false

  constructor(key: string, now: number) {
    this.key = key
    this.lastSeen = now
  }

  get size(): number {
    return this.#intents.size
  }

  /**
   * Notes that the client got this narinfo. Called for every one that is answered: it must cost next
   * to nothing.
   *
   * @returns true when that is news
   */
  note(hash: StoreHash, now: number): boolean {
    const before = this.#intents.size
    this.lastSeen = now
    this.#intents.set(hash, now)
    if (this.#intents.size === before) return false
    if (this.#intents.size <= maxIntents) return true
    for (const oldest of this.#intents.keys()) {
      this.#intents.delete(oldest)
      break
    }
    return true
  }

  /** Notes that the client asks for a NAR, or has got one. */
  noteNar(now: number): void {
    if (now - this.#lastNarAt >= pauseMs) this.#downloadsSince = now
    this.#lastNarAt = now
    this.lastSeen = now
  }

  /** Notes that this path is no longer wanted: its NAR was asked for, or is there. */
  drop(hash: StoreHash): void {
    this.#intents.delete(hash)
  }

  /** The paths wanted, in the order of first asking: what it asked for shortly before, or since, it downloads. */
  wanted(now: number): StoreHash[] {
    const since = (this.#downloadsSince ?? now) - intentMs
    return [...this.#intents].filter(([, at]) => at > since).map(([hash]) => hash)
  }
}

/** Knows the clients of the last minutes; a bounded number, with a bounded number of intents. */
export class Clients {
  readonly #clients = new Map<string, Client>()

  get size(): number {
    return this.#clients.size
  }

  /** @param key what tells this client from others */
  of(key: string, now: number): Client {
    const known = this.#clients.get(key)
    if (known) return known
    if (this.#clients.size >= maxClients) this.#forgetOldest()
    const client = new Client(key, now)
    this.#clients.set(key, client)
    return client
  }

  /** Forgets who has not been here for long, and whoever makes it too much. */
  tidy(now: number): void {
    let intents = 0
    for (const client of this.#clients.values()) {
      if (now - client.lastSeen >= intentMs) this.#forget(client)
      else intents += client.size
    }
    for (; intents > maxIntentsOfAll; intents -= this.#forgetOldest());
  }

  /** @returns how many intents it had */
  #forgetOldest(): number {
    let oldest: Client | undefined
    for (const client of this.#clients.values())
      if (!oldest || client.lastSeen < oldest.lastSeen) oldest = client
    if (!oldest) return 0
    this.#forget(oldest)
    return oldest.size
  }

  #forget(client: Client): void {
    client.isForgotten = true
    this.#clients.delete(client.key)
  }
}
