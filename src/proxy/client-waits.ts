import { setTimeout as delay } from 'node:timers/promises'
import type { Download } from '../store/download.ts'
import type { NarReader } from '../store/nar-reader.ts'

/** One that has waited so long for bytes of one NAR is held up by the line, not by its length. */
const boundAfterMs = 250
/** Reading from the page cache is no wait. */
const leastWaitMs = 5
/** Between two reads a client is busy for moments; it waits again soon. */
const lullMs = 100
const lookEveryMs = 50
const judgeEveryMs = 20

interface Wait {
  /** In all, without the one that lasts. */
  totalMs: number
  since: number | undefined
  endedAt: number
}

/** Knows whether some client is held up because the line from the upstreams is full. */
export class ClientWaits {
  readonly #waits = new Set<Wait>()
  readonly #now: () => number
  #isBound = false
  #judgedAt = Number.NEGATIVE_INFINITY

  /** @param now a clock that never jumps, in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The same reader, with its waits for bytes that are still to come measured. */
  measured(reader: NarReader, download: Download): NarReader {
    const wait: Wait = { totalMs: 0, since: undefined, endedAt: Number.NEGATIVE_INFINITY }
    const isComing = () => download.size === undefined || download.written < download.size
    this.#waits.add(wait)
    return {
      get size() {
        return reader.size
      },
      read: async (buffer, position) => {
        if (!isComing()) {
          this.#waits.delete(wait)
          return reader.read(buffer, position)
        }
        const started = this.#now()
        wait.since = started
        try {
          return await reader.read(buffer, position)
        } finally {
          const ended = this.#now()
          wait.since = undefined
          if (ended - started >= leastWaitMs) {
            wait.totalMs += ended - started
            wait.endedAt = ended
          }
        }
      },
      close: () => {
        this.#waits.delete(wait)
        reader.close()
      },
      isAt: async (path) => (await reader.isAt?.(path)) ?? false,
    }
  }

  /** True while some client is held up. */
  get isBound(): boolean {
    const now = this.#now()
    if (now - this.#judgedAt < judgeEveryMs) return this.#isBound
    this.#judgedAt = now
    this.#isBound = false
    for (const { totalMs, since, endedAt } of this.#waits) {
      const lastingMs = since === undefined ? 0 : now - since
      const isWaiting = lastingMs >= leastWaitMs || now - endedAt < lullMs
      if (isWaiting && totalMs + lastingMs >= boundAfterMs) this.#isBound = true
    }
    return this.#isBound
  }

  /**
   * Waits while some client is held up.
   *
   * @param mayGoOn asked again and again: true ends the wait early
   * @throws AbortError
   */
  async relief(mayGoOn: () => boolean, signal: AbortSignal): Promise<void> {
    while (this.isBound && !mayGoOn()) await delay(lookEveryMs, undefined, { signal })
  }
}
