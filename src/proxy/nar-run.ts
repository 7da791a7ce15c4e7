import type { Download } from '../store/download.ts'
import type { NarReader } from '../store/nar-reader.ts'
import type { Log } from '../telemetry.ts'
import type { ClientWaits } from './client-waits.ts'
import { quietly } from './quietly.ts'

/** A download that nobody waits for any more is finished if this much of it is there. */
const finishFrom = 0.5
/** An upstream hangs up on who takes nothing for long; better to leave first, and to resume later. */
const maxPauseMs = 20_000

export interface NarRunOptions {
  readonly waits: ClientWaits
  /** True when it is begun before any client asks for it. */
  readonly isAhead: boolean
  /** Ends it with the server. */
  readonly signal: AbortSignal
}

/**
 * One download that runs, and for whom. One that was begun ahead of the clients gives way to them
 * and gives up easily; from the first client that follows it on, it is that client's download.
 */
export class NarRun {
  readonly download: Download
  /** Aborted when it is over before its end. */
  readonly signal: AbortSignal
  /** Settles when all of it is here and right, or will never be. */
  fetched: Promise<void> = Promise.resolve()
  /** Settles when it is over and nothing of it is left. */
  done: Promise<void> = Promise.resolve()
  /** True once the file has its place in `cache/`. */
  isKept = false
  /** What ended it before its end. */
  fault: unknown
  readonly #abandon = new AbortController()
  readonly #waits: ClientWaits
  readonly #joined = Promise.withResolvers<void>()
  readonly #arrived = Promise.withResolvers<void>()
  #hasArrived = false
  #isAhead: boolean

  constructor(download: Download, { waits, isAhead, signal }: NarRunOptions) {
    this.download = download
    this.signal = AbortSignal.any([signal, this.#abandon.signal])
    this.#waits = waits
    this.#isAhead = isAhead
    if (!isAhead) this.#joined.resolve()
  }

  /** True while no client has asked for it. */
  get isAhead(): boolean {
    return this.#isAhead
  }

  /** True when it was given up: who wants the file must wait for its end, and begin anew. */
  get isOver(): boolean {
    return this.#abandon.signal.aborted
  }

  /** Settles once a client waits for it. */
  get joined(): Promise<void> {
    return this.#joined.promise
  }

  /** True once all of it is here and right: it may wait for its place in `cache/`, but not end. */
  get hasArrived(): boolean {
    return this.#hasArrived
  }

  /** Settles when all of it is here and right; never where that does not come to pass. */
  get arrived(): Promise<void> {
    return this.#arrived.promise
  }

  /** Notes that all of it is here and right. */
  arrive(): void {
    this.#hasArrived = true
    this.#arrived.resolve()
  }

  /** Opens a reader; when the last one leaves, the download goes on only if most of it is done. */
  follow(): NarReader {
    this.#isAhead = false
    this.#joined.resolve()
    const reader = this.#waits.measured(this.download.open(), this.download)
    return {
      get size() {
        return reader.size
      },
      read: (buffer, position) => reader.read(buffer, position),
      close: () => {
        reader.close()
        const { readers, written, size } = this.download
        const isMostlyDone = size !== undefined && written >= size * finishFrom
        if (readers === 0 && !isMostlyDone) this.#abandon.abort()
      },
      isAt: async (path) => (await reader.isAt?.(path)) ?? false,
    }
  }

  /**
   * Ends it, unless a client waits for it or all of it is here.
   *
   * @returns true when it is over
   */
  giveUp(): boolean {
    if (this.#isAhead && !this.#hasArrived) this.#abandon.abort()
    return this.isOver
  }

  /**
   * To be called before each piece that is taken from the upstream: as long as clients need the
   * whole line, what is fetched ahead takes nothing from it.
   *
   * @throws AbortError when it is over
   */
  async giveWay(): Promise<void> {
    if (this.#isAhead) {
      const started = performance.now()
      const hasPausedLong = () => performance.now() - started > maxPauseMs
      await this.#waits.relief(() => !this.#isAhead || hasPausedLong(), this.signal)
      // What the disk does not take would wait in memory for a client who may never come.
      if (hasPausedLong() || !this.download.isOnDisk) this.giveUp()
    }
    this.signal.throwIfAborted()
  }

  /** A log that is quiet while no client waits. */
  quieting(log: Log): Log {
    return quietly(log, () => this.#isAhead)
  }
}
