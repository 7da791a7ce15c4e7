import type { Bent } from './file-damage.ts'

/** Long enough for a probe to find an upstream that is back, and for absences to be forgotten. */
const graceMs = 10_000
/** Probes come later and later, up to this: never later than an upstream has been away for. */
const maxProbeMs = 30_000

/**
 * What has gone wrong and when: the part of the model that says which requests may fail, and which
 * wrong bytes nobody can notice.
 */
export class Troubles {
  readonly #until = new Map<string, number>()
  readonly #bentNars = new Map<string, Bent[]>()
  readonly #bentNarinfos = new Set<string>()
  /** Of those, what no check can find: a word that nothing else says, as in Deriver. */
  readonly #onceBentNarinfos = new Set<string>()
  readonly #down = new Set<number>()
  /** When each upstream first went away from the server that runs. */
  readonly #firstDown = new Map<number, number>()
  readonly #shortNars = new Set<string>()
  #isNarinfoSpoilt = false
  #isIndexRuined = false

  /** The server does not run, or is about to end; called with false once it listens again. */
  server(isAway: boolean): void {
    this.#set('server', isAway ? Number.POSITIVE_INFINITY : performance.now())
    if (isAway) return
    this.#firstDown.clear()
    for (const at of this.#down) this.#firstDown.set(at, performance.now())
    // a new process remembers neither failures nor absences
    for (const [name, until] of this.#until)
      if (Number.isFinite(until) && /^(away|lost) /.test(name)) this.#until.delete(name)
  }

  upstreamDown(at: number, isDown: boolean): void {
    if (isDown) {
      this.#down.add(at)
      if (!this.#firstDown.has(at)) this.#firstDown.set(at, performance.now())
      this.#set(`away ${at}`, Number.POSITIVE_INFINITY)
    } else if (this.#down.delete(at))
      this.#set(`away ${at}`, performance.now() + this.#probedWithinMs(at))
  }

  /** How soon all is well again once every fault is over. */
  get recoversWithinMs(): number {
    return Math.max(...[0, 1].map((at) => this.#probedWithinMs(at)))
  }

  /** How soon an upstream is asked again that is back now: a slow machine makes long absences. */
  #probedWithinMs(at: number): number {
    const now = performance.now()
    return graceMs + Math.min(maxProbeMs, now - (this.#firstDown.get(at) ?? now))
  }

  upstreamLost(at: number, which: number): void {
    this.#set(`lost ${at} ${which}`, Number.POSITIVE_INFINITY)
  }

  /** The upstream has everything again. */
  upstreamMended(at: number): void {
    for (const [name, until] of this.#until)
      if (name.startsWith(`lost ${at} `) && !Number.isFinite(until))
        this.#set(name, performance.now() + graceMs)
  }

  /**
   * Damaged bytes of this path are or were on their way, or in an unfinished download: whoever
   * follows that is cut off, and for a minute, longer than a run, no ranges are given.
   */
  damagedOnTheWay(which: number): void {
    this.#set(`damaged ${which}`, Number.POSITIVE_INFINITY)
  }

  /** Bytes of a NAR in the data directory are wrong, and its length does not tell. */
  bendNar(file: string, bent: Bent): void {
    this.#bentNars.set(file, [...(this.#bentNars.get(file) ?? []), bent])
  }

  /** A NAR in the data directory was cut short, which the index would tell, or else its narinfo. */
  shortenNar(file: string): void {
    this.#shortNars.add(file)
  }

  /** A narinfo in the data directory is no narinfo any more; it is still served from the index. */
  spoilNarinfo(): void {
    this.#isNarinfoSpoilt = true
  }

  ruinIndex(): void {
    this.#isIndexRuined = true
  }

  /** True when a file may be taken for whole that was cut short: until the index is rebuilt. */
  mayBeShort(file: string): boolean {
    return this.#isIndexRuined && this.#shortNars.has(file)
  }

  get needRebuild(): boolean {
    return this.#isIndexRuined && this.#shortNars.size > 0
  }

  /** A narinfo in the data directory is wrong where no signature tells. */
  bendNarinfo(storeHash: string): void {
    this.#bentNarinfos.add(storeHash)
    this.#onceBentNarinfos.add(storeHash)
  }

  /** Somebody has held all files against their hashes, and removed what was wrong. */
  verified(): void {
    this.#bentNars.clear()
    this.#bentNarinfos.clear()
    this.#isNarinfoSpoilt = false
  }

  get needVerify(): boolean {
    return this.#isNarinfoSpoilt || this.#bentNars.size > 0 || this.#bentNarinfos.size > 0
  }

  bentIn(file: string): readonly Bent[] {
    return this.#bentNars.get(file) ?? []
  }

  /** True when the narinfo may differ from the origin's in what is neither signed nor checked. */
  mayDiffer(storeHash: string): boolean {
    return this.#onceBentNarinfos.has(storeHash)
  }

  /** True when any narinfo may. */
  get mayAnyDiffer(): boolean {
    return this.#onceBentNarinfos.size > 0
  }

  /** Every fault is over: from now on nothing excuses a failure. */
  end(): void {
    this.#until.clear()
    this.#down.clear()
    this.#shortNars.clear()
  }

  /** True when a request for this path may have failed that was sent at `since`, by performance.now(). */
  mayHaveFailed(which: number, storeHash: string, since: number): boolean {
    if (this.#lasted('server', since) || this.#lasted(`damaged ${which}`, since)) return true
    if (this.#bentNarinfos.has(storeHash)) return true
    return [0, 1].every(
      (at) => this.#lasted(`away ${at}`, since) || this.#lasted(`lost ${at} ${which}`, since),
    )
  }

  /** True when somebody may not have been able to say since then that a path is absent. */
  mayHaveBeenUnsure(since: number): boolean {
    return ['server', 'away 0', 'away 1'].some((name) => this.#lasted(name, since))
  }

  #set(name: string, until: number): void {
    this.#until.set(name, until)
  }

  #lasted(name: string, since: number): boolean {
    return (this.#until.get(name) ?? Number.NEGATIVE_INFINITY) >= since
  }
}
