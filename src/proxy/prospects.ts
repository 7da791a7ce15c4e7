import type { AppError } from '../errors.ts'
import type { Upstream } from './upstream.ts'

/** Which upstreams may still have a file, by what they have said while it was looked for. */
export class Prospects {
  readonly #upstreams: readonly Upstream[]
  readonly #ruledOut = new Map<Upstream, AppError | undefined>()

  constructor(upstreams: readonly Upstream[]) {
    this.#upstreams = upstreams
  }

  /**
   * Asks this one no more.
   *
   * @param fault what was wrong with what it has; undefined when it certainly has none
   */
  ruleOut(upstream: Upstream, fault?: AppError): void {
    if (!this.#ruledOut.has(upstream)) this.#ruledOut.set(upstream, fault)
  }

  includes(upstream: Upstream): boolean {
    return !this.#ruledOut.has(upstream)
  }

  /** Those that may have it. */
  get left(): Upstream[] {
    return this.#upstreams.filter((upstream) => this.includes(upstream))
  }

  /** Why not all who were ruled out have certainly none; undefined when they have. */
  get fault(): AppError | undefined {
    return [...this.#ruledOut.values()].find((fault) => fault !== undefined)
  }
}
