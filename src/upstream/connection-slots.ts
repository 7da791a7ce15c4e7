/** Of the connections, NARs leave so many to narinfos: a slow NAR may hold its own for hours. */
const shareForNarinfos = 0.25

type Kind = 'narinfo' | 'nar'

interface Waiting {
  readonly kind: Kind
  readonly begin: () => void
}

/**
 * Divides the connections to one upstream. Who finds none free waits here, where he may leave, and
 * where the wait is not taken for the upstream's own.
 */
export class ConnectionSlots {
  readonly #most: Readonly<Record<Kind, number>>
  readonly #taken: Record<Kind, number> = { narinfo: 0, nar: 0 }
  readonly #waiting = new Set<Waiting>()

  constructor(connections: number) {
    const forNarinfos = Math.max(1, Math.floor(connections * shareForNarinfos))
    this.#most = { narinfo: connections, nar: Math.max(1, connections - forNarinfos) }
  }

  /**
   * Waits for a connection.
   *
   * @returns what gives it back; may be called more than once
   * @throws the signal's reason
   */
  async take(kind: Kind, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (!this.#isFree(kind)) await this.#turn(kind, signal)
    else this.#taken[kind] += 1
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
    return this.#taken[kind] < this.#most[kind] && narinfo + nar < this.#most.narinfo
  }

  /** Whoever waits for a narinfo goes first. */
  #next(): void {
    for (const kind of ['narinfo', 'nar'] as const)
      for (const waiting of this.#waiting) {
        if (waiting.kind !== kind || !this.#isFree(kind)) continue
        this.#waiting.delete(waiting)
        this.#taken[kind] += 1
        waiting.begin()
      }
  }
}
