import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { isAppError, messageOf } from '../errors.ts'
import { parseNarFile } from '../policy/nar-file.ts'
import type { Judgement } from '../policy/recompression.ts'
import type { Disk } from '../store/disk.ts'
import type { Log } from '../telemetry.ts'
import type { Nars } from './nars.ts'
import { judgeThisMachine, SpareTime } from './spare-time.ts'

export interface RecompressionOptions {
  readonly disk: Disk
  readonly log: Log
  readonly signal: AbortSignal
}

/** What becomes of stored NARs, as a person would want to see it. */
export interface RecompressionReport {
  readonly isOn: boolean
  /** Why it is on or off. */
  readonly reason: string
  /** Why nothing is done now, although something waits. */
  readonly pausedBecause: string | undefined
  /** NARs that wait for their zstd form. */
  readonly queued: number
  readonly running: number
  readonly done: number
  readonly failed: number
  /** Bytes of files before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
}

const idleMs = 2_000
const pauseMs = 250
const countEveryMs = 1_000
const sweepEveryMs = 60_000
/** Clients that were given the original's URL begin to fetch it within minutes. */
const graceMs = 15 * 60_000
const maxAttempts = 2
/** How long a NAR is left alone that another one may take the turn of. */
const setBackMs = {
  /** A client has it made, or had: what is left of it is soon known. */
  client: 10_000,
  failure: 60_000,
  /** What it does not take says nothing of the NAR. */
  disk: graceMs,
  /** Originals that leave the cache make room. */
  room: graceMs,
  /** Who asks for the path brings its narinfo. */
  narinfo: 10 * 60_000,
} as const
type SetBack = keyof typeof setBackMs
/** So many are looked over for the next one to do. */
const maxSetBack = 1000

/**
 * Makes the zstd forms of stored NARs, one after the other, while the machine has nothing better to
 * do. What waits is known by the index, so nothing is lost by a restart.
 */
export class Recompression {
  readonly #options: RecompressionOptions
  readonly #spare: SpareTime
  readonly #nars: Nars
  #verdict: Judgement
  #pausedBecause: string | undefined
  readonly #working = new Set<string>()
  readonly #failures = new Map<string, number>()
  /** NARs that are left alone, until when by performance.now(), and why. */
  readonly #setBack = new Map<string, { readonly until: number; readonly why: SetBack }>()
  readonly #tally = { done: 0, failed: 0, bytesBefore: 0, bytesAfter: 0 }
  readonly #loops: Promise<unknown>
  #sweptAt = Number.NEGATIVE_INFINITY
  #queued = 0
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(options: RecompressionOptions, config: Config['recompress'], nars: Nars) {
    this.#options = options
    this.#nars = nars
    this.#spare = new SpareTime(config, this.#nars)
    this.#verdict = this.#judge(config)
    this.#loops = Promise.all(Array.from({ length: config.workers }, () => this.#work()))
  }

  /** Goes over to another configuration. */
  use(config: Config['recompress']): void {
    this.#spare.use(config)
    this.#verdict = this.#judge(config)
  }

  report(): RecompressionReport {
    const queued = this.#countQueued()
    return {
      ...this.#verdict,
      pausedBecause: queued > 0 ? (this.#pausedBecause ?? this.#obstacle()) : undefined,
      queued,
      running: this.#working.size,
      ...this.#tally,
    }
  }

  /** Why what waits is not done, where the machine would have the time. */
  #obstacle(): string | undefined {
    const lacksRoom = [...this.#setBack.values()].some(({ why }) => why === 'room')
    if (this.#working.size > 0 || !lacksRoom) return undefined
    return 'there is no room but that of NARs read lately'
  }

  /** A sum over a large index, however often somebody looks. */
  #countQueued(): number {
    const now = performance.now()
    if (now - this.#countedAt > countEveryMs) {
      this.#countedAt = now
      this.#queued = this.#options.disk.zstdForms.wanting
    }
    return this.#queued
  }

  /** Settles once the signal has ended what runs. */
  async settled(): Promise<void> {
    await this.#loops
  }

  async #work(): Promise<void> {
    const { signal } = this.#options
    while (!signal.aborted) {
      await this.#sweep()
      const file = this.#verdict.isOn ? this.#next() : undefined
      const mayGoOn = file !== undefined && this.#mayWork() && (await this.#repack(file))
      if (!mayGoOn) await this.#wait(idleMs)
    }
  }

  #next(): string | undefined {
    const { disk } = this.#options
    // What is not yet in the index would pass for a NAR without narinfo.
    if (!disk.isStoring || !disk.isIndexComplete) return undefined
    const now = performance.now()
    for (const [file, { until }] of this.#setBack) if (until <= now) this.#setBack.delete(file)
    return disk.zstdForms
      .wanted(this.#working.size + this.#setBack.size + 1)
      .find((file) => !this.#working.has(file) && !this.#setBack.has(file))
  }

  #leaveAlone(file: string, why: SetBack): void {
    const [oldest] = this.#setBack.keys()
    if (oldest !== undefined && this.#setBack.size >= maxSetBack) this.#setBack.delete(oldest)
    this.#setBack.set(file, { until: performance.now() + setBackMs[why], why })
  }

  #judge(config: Config['recompress']): Judgement {
    const verdict = judgeThisMachine(config)
    if (verdict.reason !== this.#verdict?.reason)
      this.#options.log.info({ isOn: verdict.isOn }, `recompression is ${verdict.reason}`)
    return verdict
  }

  #mayWork(): boolean {
    const answer = this.#spare.mayWork()
    this.#pausedBecause = answer.mayWork ? undefined : answer.reason
    return answer.mayWork
  }

  /** @returns false when it failed, so that the next one had better wait a little */
  async #repack(name: string): Promise<boolean> {
    const { disk, signal } = this.#options
    const file = parseNarFile(name)
    this.#working.add(name)
    try {
      const pace = async (hasClient: () => boolean) => {
        while (!signal.aborted && !hasClient() && !this.#mayWork()) await this.#wait(pauseMs)
      }
      const outcome = file ? await this.#nars.repack(file, pace) : 'impossible'
      if (outcome === 'impossible') disk.zstdForms.giveUp(name)
      // Also what is done with, in case the index does not take that.
      if (typeof outcome === 'string')
        this.#leaveAlone(name, outcome === 'unpromised' ? 'narinfo' : 'client')
      else {
        this.#failures.delete(name)
        this.#tally.done += 1
        this.#tally.bytesBefore += outcome.bytesBefore
        this.#tally.bytesAfter += outcome.bytesAfter
      }
      return true
    } catch (error) {
      this.#noteFailure(name, error)
      return false
    } finally {
      this.#working.delete(name)
    }
  }

  #noteFailure(name: string, error: unknown): void {
    const { disk, log, signal } = this.#options
    if (signal.aborted) return
    if ((error as Error).name === 'AbortError') {
      // A client that followed it has left: it is begun anew another time.
      this.#leaveAlone(name, 'client')
    } else if (isAppError(error, 'NO_ROOM')) {
      log.debug({ file: name }, error.message)
      this.#leaveAlone(name, 'room')
    } else {
      this.#tally.failed += 1
      log.warn({ file: name }, `nar/${name} stays as it is: ${messageOf(error)}`)
      const isDisk = isAppError(error, 'DISK')
      this.#leaveAlone(name, isDisk ? 'disk' : 'failure')
      if (isDisk) return
      const failures = (this.#failures.get(name) ?? 0) + 1
      this.#failures.set(name, failures)
      if (failures < maxAttempts) return
      this.#failures.delete(name)
      disk.zstdForms.giveUp(name)
    }
  }

  async #sweep(): Promise<void> {
    const now = performance.now()
    if (now - this.#sweptAt < sweepEveryMs) return
    this.#sweptAt = now
    await this.#options.disk.zstdForms.dropOriginals(graceMs, Date.now())
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#options
    await delay(ms, undefined, { signal, ref: false }).catch(() => undefined)
  }
}
