import type { Client } from '../policy/intent.ts'
import type { PrefetchCounters } from '../telemetry.ts'
import type { NarRun } from './nar-run.ts'

/** A client that has stopped downloading, or has gone on to what comes after it, comes back sooner. */
const unaskedMs = 300_000

/** A NAR fetched, or being fetched, that no client has asked for yet. */
interface AheadNar {
  readonly file: string
  /** What it was expected to have. */
  readonly bytes: number
  readonly client: Client
  /** Since when it has been likely that nobody will ask for it. */
  since: number
  /** Undefined before it has begun. */
  run: NarRun | undefined
  isRunning: boolean
  /** True when the client seems to have no need of it: it takes no place in its window. */
  isPassed: boolean
  /** False once it has waited for so long that others need not make room for it. */
  isCounted: boolean
}

/** Keeps the books of what was fetched ahead: what runs, what waits to be asked for, what was in vain. */
export class AheadNars {
  readonly #counters: PrefetchCounters
  readonly #nars = new Map<string, AheadNar>()
  readonly #perClient = new Map<Client, number>()
  #bytes = 0
  #running = 0
  #runningBytes = 0

  constructor(counters: PrefetchCounters) {
    this.#counters = counters
  }

  get count(): number {
    return this.#nars.size
  }

  /** What those take that have not waited for long. */
  get bytes(): number {
    return this.#bytes
  }

  get running(): number {
    return this.#running
  }

  get runningBytes(): number {
    return this.#runningBytes
  }

  has(file: string): boolean {
    return this.#nars.has(file)
  }

  /** How many there are for this client, of those it may still want. */
  countFor(client: Client): number {
    return this.#perClient.get(client) ?? 0
  }

  /** Notes that a NAR is about to be fetched. */
  begin(file: string, bytes: number, client: Client): AheadNar {
    const since = performance.now()
    const run = undefined
    const nar = {
      file,
      bytes,
      client,
      since,
      run,
      isRunning: true,
      isPassed: false,
      isCounted: true,
    }
    this.#nars.set(file, nar)
    this.#bytes += bytes
    this.#running += 1
    this.#runningBytes += bytes
    this.#perClient.set(client, this.countFor(client) + 1)
    return nar
  }

  /**
   * Watches over the run of a NAR.
   *
   * @param run undefined when there is none after all
   * @param onEnd called when its place is free, unless a client has taken it over
   */
  follow(nar: AheadNar, run: NarRun | undefined, onEnd: () => void): void {
    nar.run = run
    if (!run) {
      this.#remove(nar)
      return
    }
    // It was wasted while it began.
    if (this.#nars.get(nar.file) !== nar && run.isAhead) run.giveUp()
    void run.fetched.then(() => {
      if (!nar.isRunning) return
      if (run.hasArrived) this.#stopRunning(nar)
      else this.#countWaste(nar)
      onEnd()
    })
  }

  /**
   * Notes that a file was opened for whoever asked.
   *
   * @param isHere false when it had to be fetched for him
   * @returns true when it had been fetched ahead and nobody had asked before
   */
  opened(file: string, isHere: boolean, now: number): boolean {
    const nar = this.#nars.get(file)
    if (!nar) return false
    if (!isHere) {
      this.#judgeWasted(nar, now)
      return true
    }
    const bytes = this.#stopRunning(nar)
    this.#remove(nar)
    this.#counters.used += 1
    this.#counters.usedBytes += bytes
    nar.client.window.used(nar.bytes)
    return true
  }

  /** Notes that this client has gone on to what comes after this file. */
  passed(file: string, client: Client, now: number): void {
    const nar = this.#nars.get(file)
    if (nar?.client !== client || nar.isPassed) return
    nar.since = now
    this.#leaveWindow(nar)
  }

  /** Notes that this client will not ask for a file that was fetched for it. */
  waste(file: string, client: Client, now: number): void {
    const nar = this.#nars.get(file)
    if (nar?.client === client) this.#judgeWasted(nar, now)
  }

  /** Ends what is being fetched for a client that has left; what is here may still be asked for. */
  letGo(client: Client, now: number): void {
    for (const nar of [...this.#nars.values()]) {
      if (nar.client !== client) continue
      if (!nar.isPassed) nar.since = now
      if (nar.isRunning) nar.run?.giveUp()
    }
  }

  /**
   * Gives up what nobody has asked for in time.
   *
   * @param isDownloading says of a client whether it may still come to what was fetched for it
   */
  expire(now: number, isDownloading: (client: Client) => boolean): void {
    for (const nar of [...this.#nars.values()]) {
      if (now - nar.since < unaskedMs) continue
      if (nar.isPassed || !isDownloading(nar.client)) this.#judgeWasted(nar, now)
      else this.#discount(nar)
    }
  }

  #discount(nar: AheadNar): void {
    if (nar.isCounted) this.#bytes -= nar.bytes
    nar.isCounted = false
  }

  #judgeWasted(nar: AheadNar, now: number): void {
    nar.client.window.wasted(nar.bytes, now)
    this.#countWaste(nar)
    nar.run?.giveUp()
  }

  #countWaste(nar: AheadNar): void {
    const bytes = this.#stopRunning(nar)
    this.#remove(nar)
    this.#counters.wasted += 1
    this.#counters.wastedBytes += bytes
  }

  /** @returns bytes fetched for nobody */
  #stopRunning(nar: AheadNar): number {
    const bytes = nar.run?.download.written ?? 0
    if (!nar.isRunning) return bytes
    nar.isRunning = false
    this.#running -= 1
    this.#runningBytes -= nar.bytes
    this.#counters.fetched += 1
    this.#counters.fetchedBytes += bytes
    return bytes
  }

  #remove(nar: AheadNar): void {
    if (this.#nars.get(nar.file) !== nar) return
    this.#nars.delete(nar.file)
    this.#discount(nar)
    this.#leaveWindow(nar)
    if (!nar.isRunning) return
    nar.isRunning = false
    this.#running -= 1
    this.#runningBytes -= nar.bytes
  }

  #leaveWindow(nar: AheadNar): void {
    if (nar.isPassed) return
    nar.isPassed = true
    const left = this.countFor(nar.client) - 1
    if (left > 0) this.#perClient.set(nar.client, left)
    else this.#perClient.delete(nar.client)
  }
}
