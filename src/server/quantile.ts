import { type Durations, durationBounds } from '../telemetry.ts'

/**
 * The time within which a share of all things was done, as far as the buckets tell.
 *
 * @param share 0.5 for the median
 * @returns seconds; undefined when nothing was counted
 */
export function quantileSeconds(counts: Durations['counts'], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    const wanted = share * total - below
    const end = durationBounds[bucket]
    // Nothing is known of what took longer than the last bound but that it did.
    if (end === undefined) break
    if (count > 0 && wanted <= count) {
      const start = durationBounds[bucket - 1] ?? 0
      return start + ((end - start) * wanted) / count
    }
    below += count
  }
  return durationBounds.at(-1)
}

/** The share of things done within one of the buckets' bounds; undefined when nothing was counted. */
export function shareWithin(counts: Durations['counts'], boundSeconds: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  let within = 0
  for (const [bucket, bound] of durationBounds.entries())
    if (bound <= boundSeconds) within += counts[bucket] ?? 0
  return within / total
}
