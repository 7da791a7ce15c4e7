/** What several readings of one figure come to. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** From this share of the median on, a range says more of the machine's other work than of the figure. */
const noisyShare = 0.3

/** @returns NaN everywhere when there are no figures */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b)
  const at = (place: number) => sorted[place] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  }
}

/** How far the readings lie apart, as a share of their median. */
export function widthShare({ median, min, max }: Spread): number {
  return median === 0 ? 0 : (max - min) / Math.abs(median)
}

/** Whether readings lie so far apart that the median is worth little. */
export function isNoisy(spread: Spread): boolean {
  return widthShare(spread) > noisyShare
}
