import { type Spread, spreadOf, widthShare } from '../spread.ts'

/** One figure as it was measured once: in rounds. */
export interface ExperimentFigure extends Spread {
  /** The same figure has the same key before and after. */
  readonly key: string
  readonly title: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly rounds: number
}

export type Change = 'better' | 'worse' | 'no difference' | 'unknown'

/** A figure before a change and after it. */
export interface FigureComparison {
  readonly before: ExperimentFigure
  readonly after: ExperimentFigure
  /** (after − before) / before, of the medians */
  readonly changeShare: number
  readonly change: Change
  /** a clause: "the ranges do not touch", "the ranges overlap", … */
  readonly because: string
}

/** Fewer have no spread to speak of. */
export const leastRounds = 3
/** Below that nobody would change anything for it. */
const leastShare = 0.01

/**
 * Holds figures against those of before. A difference counts where the ranges of the rounds do not
 * touch and the medians lie further apart than either range is wide: in rounds of mere noise that
 * happens in fewer than 5 of 100 with three rounds each way, and in fewer than 1 of 100 with five.
 *
 * @returns those that were measured both times
 */
export function compareFigures(
  before: readonly ExperimentFigure[],
  after: readonly ExperimentFigure[],
): FigureComparison[] {
  return after.flatMap((figure) => {
    const earlier = before.find(({ key, unit }) => key === figure.key && unit === figure.unit)
    return earlier === undefined ? [] : [compareOne(earlier, figure)]
  })
}

function compareOne(before: ExperimentFigure, after: ExperimentFigure): FigureComparison {
  const difference = after.median - before.median
  const changeShare = before.median === 0 ? 0 : difference / Math.abs(before.median)
  const { change, because } = judge(before, after, changeShare)
  return { before, after, changeShare, change, because }
}

function judge(
  before: ExperimentFigure,
  after: ExperimentFigure,
  changeShare: number,
): Pick<FigureComparison, 'change' | 'because'> {
  if (Math.min(before.rounds, after.rounds) < leastRounds)
    return { change: 'unknown', because: `fewer than ${leastRounds} rounds` }
  const overlaps = after.min <= before.max && before.min <= after.max
  if (overlaps) return { change: 'no difference', because: 'the ranges overlap' }
  const width = Math.max(before.max - before.min, after.max - after.min)
  const distance = Math.abs(after.median - before.median)
  if (distance <= width)
    return { change: 'no difference', because: 'the medians lie within the width of a range' }
  if (Math.abs(changeShare) < leastShare)
    return { change: 'no difference', because: 'less than 1 %' }
  const isLower = after.median < before.median
  const isBetter = (before.better === 'lower') === isLower
  return { change: isBetter ? 'better' : 'worse', because: 'the ranges do not touch' }
}

/**
 * Puts what was measured at several times together: rounds of one time are more alike than they are
 * to those of another hour, so the range of all says more.
 */
export function mergeFigures(
  times: readonly (readonly ExperimentFigure[])[],
): readonly ExperimentFigure[] {
  const byKey = new Map<string, ExperimentFigure[]>()
  for (const figure of times.flat())
    byKey.set(figure.key, [...(byKey.get(figure.key) ?? []), figure])
  return [...byKey.values()].map((figures) => {
    const [first] = figures as [ExperimentFigure]
    return {
      ...first,
      median: spreadOf(figures.map(({ median }) => median)).median,
      min: Math.min(...figures.map(({ min }) => min)),
      max: Math.max(...figures.map(({ max }) => max)),
      rounds: figures.reduce((sum, { rounds }) => sum + rounds, 0),
    }
  })
}

export type Outcome = 'better' | 'worse' | 'mixed' | 'no difference' | 'unknown'

/** What a change came to, over all figures. */
export interface ExperimentVerdict {
  readonly outcome: Outcome
  readonly advice: 'keep' | 'revert' | 'measure again' | 'your choice'
  /** a sentence or two for people */
  readonly text: string
}

/** From this share of the median on, a range hides all but large differences. */
const noisyShare = 0.3

/** Sums a comparison up, and says what to do. */
export function judgeComparison(comparisons: readonly FigureComparison[]): ExperimentVerdict {
  const titles = (change: Change) =>
    comparisons.filter((one) => one.change === change).map((one) => one.after.title)
  const [better, worse] = [titles('better'), titles('worse')]
  const same = titles('no difference')
  const noise = noiseText(comparisons)
  if (better.length + worse.length + same.length === 0)
    return {
      outcome: 'unknown',
      advice: 'measure again',
      text: 'Nothing was measured often enough both times to be compared.',
    }
  if (better.length > 0 && worse.length > 0)
    return {
      outcome: 'mixed',
      advice: 'your choice',
      text: `Better: ${list(better)}. Worse: ${list(worse)}. Which matters more is yours to say.${noise}`,
    }
  if (better.length > 0)
    return {
      outcome: 'better',
      advice: 'keep',
      text: `Better: ${list(better)}; nothing is worse. Keep it.${noise}`,
    }
  if (worse.length > 0)
    return {
      outcome: 'worse',
      advice: 'revert',
      text: `Worse: ${list(worse)}; nothing is better. Revert it.${noise}`,
    }
  return {
    outcome: 'no difference',
    advice: 'revert',
    text: `No difference beyond the noise. A change that changes nothing is one more thing to know about: revert it, or measure what it was meant to improve.${noise}`,
  }
}

function noiseText(comparisons: readonly FigureComparison[]): string {
  const noisy = comparisons.filter(({ before, after }) => {
    return Math.max(widthShare(before), widthShare(after)) > noisyShare
  })
  if (noisy.length === 0) return ''
  const titles = list(noisy.map(({ after }) => after.title))
  return ` Noisy, so that only large differences would show: ${titles}.`
}

function list(titles: readonly string[]): string {
  return titles.join('; ')
}
