/**
 * The smallest figure that at least that share of all figures do not exceed.
 *
 * @param share in (0, 1]
 * @returns NaN when there are no figures
 */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
