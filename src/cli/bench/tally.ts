import { LatencyHistogram } from './latency-histogram.ts'

/** What came, and in what time. */
export interface Amount {
  /** Answers that came whole. */
  readonly responses: number
  /** Bytes of bodies, those of the answers cut off at the end too. */
  readonly bytes: number
  readonly seconds: number
}

export interface LatencyFigures {
  readonly median: number
  readonly p90: number
  readonly p99: number
}

export interface LoadResult extends Amount {
  /** What came before it counted. */
  readonly lead: Amount
  /** Answers with another status, or that did not come whole; those of the lead too. */
  readonly errors: number
  readonly firstError: string | undefined
  /** From sending a request to the last byte of its answer; undefined without an answer. */
  readonly latencyMs: LatencyFigures | undefined
}

const nothing: Amount = { responses: 0, bytes: 0, seconds: 0 }

/** Counts what a load gets: what comes before `count()` apart, unless it is never called. */
export class Tally {
  #lead = nothing
  #latencies = new LatencyHistogram()
  #responses = 0
  #bytes = 0
  #errors = 0
  #firstError: string | undefined
  #startMs = performance.now()

  /** Of bodies, those of the lead too. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#responses + this.#bytes + this.#errors === 0
  }

  received(bytes: number): void {
    this.#bytes += bytes
  }

  answered(latencyMs: number): void {
    this.#responses += 1
    this.#latencies.add(latencyMs)
  }

  failed(error: string): void {
    this.#errors += 1
    this.#firstError ??= error
  }

  /** What came until now was the lead. */
  count(): void {
    this.#lead = this.#soFar()
    this.#latencies = new LatencyHistogram()
    this.#startMs = performance.now()
  }

  result(): LoadResult {
    return {
      ...this.#soFar(),
      ...{ lead: this.#lead, errors: this.#errors, firstError: this.#firstError },
      latencyMs: figuresOf(this.#latencies),
    }
  }

  #soFar(): Amount {
    return {
      responses: this.#responses - this.#lead.responses,
      bytes: this.#bytes - this.#lead.bytes,
      seconds: (performance.now() - this.#startMs) / 1000,
    }
  }
}

function figuresOf(latencies: LatencyHistogram): LatencyFigures | undefined {
  const [median, p90, p99] = [0.5, 0.9, 0.99].map((share) => latencies.quantile(share))
  if (median === undefined || p90 === undefined || p99 === undefined) return undefined
  return { median, p90, p99 }
}
