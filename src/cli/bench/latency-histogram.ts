/** Each bucket is one per cent wider than the one before, so a quantile is right to half a per cent. */
const ratio = Math.log(1.01)
const smallestMs = 0.001
/** Up to 1000 s. */
const buckets = Math.ceil(Math.log(1e9) / ratio)

/** Quantiles of any number of durations in a fixed amount of memory. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(buckets)
  #total = 0

  add(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(ms, smallestMs) / smallestMs) / ratio)
    this.#counts[Math.min(bucket, buckets - 1)] =
      (this.#counts[Math.min(bucket, buckets - 1)] as number) + 1
    this.#total += 1
  }

  /**
   * @param share 0.5 for the median
   * @returns milliseconds; undefined when nothing was added
   */
  quantile(share: number): number | undefined {
    if (this.#total === 0) return undefined
    const wanted = Math.max(1, Math.ceil(this.#total * share))
    let seen = 0
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count
      if (seen >= wanted) return smallestMs * Math.exp((bucket + 0.5) * ratio)
    }
    return undefined
  }
}
