import { believedMs, maxLaneDownloads } from '../policy/lanes.ts'

/** What is known of several ranges at once from an upstream. */
export type LaneStanding = 'untried' | 'proven' | 'refused'

/** A trial that others disturbed says nothing; it is not begun again at once. */
const disturbedMs = 60_000
/** Several connections are at work already where more than this many others run. */
const mostBeside = 1

/** Which downloads run from which upstream, which of them have lanes, and what trials have shown. */
export class Lanes {
  readonly #now: () => number
  readonly #shown = new Map<string, { standing: LaneStanding; until: number }>()
  readonly #running = new Map<string, number>()
  #withLanes = 0

  /** @param now a clock that never jumps, in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Notes a download that begins. @returns what notes its end */
  enter(upstream: string): () => void {
    this.#count(upstream, 1)
    return () => this.#count(upstream, -1)
  }

  standing(upstream: string): LaneStanding {
    const shown = this.#shown.get(upstream)
    return shown && shown.until > this.#now() ? shown.standing : 'untried'
  }

  /** True while no other download runs from there. */
  isAlone(upstream: string): boolean {
    return this.#others(upstream) <= 0
  }

  /** Takes one of the few places for a download with lanes. @returns false when it may have none */
  take(upstream: string): boolean {
    const isFree = this.#withLanes < maxLaneDownloads
    if (!isFree || this.#others(upstream) > mostBeside) return false
    this.#withLanes += 1
    return true
  }

  /** Gives the place back. */
  release(): void {
    this.#withLanes -= 1
  }

  /** Keeps what a trial has shown: for an hour, or for a minute where it was disturbed. */
  note(upstream: string, outcome: 'proven' | 'refused' | 'disturbed'): void {
    const standing = outcome === 'disturbed' ? 'refused' : outcome
    const forMs = outcome === 'disturbed' ? disturbedMs : believedMs
    this.#shown.set(upstream, { standing, until: this.#now() + forMs })
  }

  #others(upstream: string): number {
    return (this.#running.get(upstream) ?? 0) - 1
  }

  #count(upstream: string, step: number): void {
    const running = (this.#running.get(upstream) ?? 0) + step
    if (running > 0) this.#running.set(upstream, running)
    else this.#running.delete(upstream)
  }
}
