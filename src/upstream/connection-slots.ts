/** Of the connections, NARs leave so many to narinfos, and narinfos to NARs. */
const shareForOthers = 0.25

type Kind = 'narinfo' | 'nar'

interface Waiting {
  readonly kind: Kind
  readonly begin: () => void
}

/**
 * Divides the connections to one upstream: a slow NAR may hold its own for hours, and of narinfos
 * there may be thousands. Who finds none free waits here, where he may leave.
 */
export class ConnectionSlots {
  readonly #connections: number
  /** Of each kind. */
  readonly #most: number
  readonly #taken: Record<Kind, number> = { narinfo: 0, nar: 0 }
  readonly #waiting = new Set<Waiting>()

  constructor(connections: number) {
    const forOthers = Math.max(1, Math.floor(connections * shareForOthers))
    this.#connections = connections
    this.#most = Math.max(1, connections - forOthers)
  }

  /**
   * Waits for a connection.
   *
   * @returns what gives it back; may be called more than once
   * @throws the signal's reason
   */
  async take(kind: Kind, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#isFree(kind)) this.#taken[kind] += 1
    else await this.#turn(kind, signal)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#taken[kind] -= 1
      this.#next()
    }
  }

  #turn(kind: Kind, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        kind,
        begin: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      const leave = () => {
        this.#waiting.delete(waiting)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.add(waiting)
    })
  }

  #isFree(kind: Kind): boolean {
    const { narinfo, nar } = this.#taken
    return this.#taken[kind] < this.#most && narinfo + nar < this.#connections
  }

  /** Who came first goes first, of those whose kind has not its share yet. */
  #next(): void {
    for (const waiting of this.#waiting) {
      if (!this.#isFree(waiting.kind)) continue
      this.#waiting.delete(waiting)
      this.#taken[waiting.kind] += 1
      waiting.begin()
      return
    }
  }
}
