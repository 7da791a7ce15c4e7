import { expect, test } from 'vitest'
import {
  compareFigures,
  type ExperimentFigure,
  judgeComparison,
  mergeFigures,
} from '../../../src/advice/experiment/comparison.ts'
import { spreadOf } from '../../../src/advice/spread.ts'
import { seededRandom } from '../../../src/cli/demo/random.ts'

const figure = (values: readonly number[], more: Partial<ExperimentFigure> = {}) =>
  ({
    ...{ key: 'time', title: 'time', unit: 's', better: 'lower', rounds: values.length },
    ...spreadOf(values),
    ...more,
  }) satisfies ExperimentFigure as ExperimentFigure

const compare = (before: number[], after: number[], more: Partial<ExperimentFigure> = {}) =>
  compareFigures([figure(before, more)], [figure(after, more)])

test('a difference counts where the ranges do not touch and the medians lie further apart than they are wide', () => {
  expect(compare([10, 11, 12], [5, 5.5, 6])).toMatchObject([
    { change: 'better', changeShare: -0.5 },
  ])
  expect(compare([10, 11, 12], [20, 21, 22])).toMatchObject([{ change: 'worse' }])
})

test('which way is good depends on the figure', () => {
  expect(compare([10, 11, 12], [20, 21, 22], { better: 'higher' })).toMatchObject([
    { change: 'better' },
  ])
})

test.each([
  ['ranges that overlap', [10, 11, 12], [11.5, 12.5, 13.5], 'the ranges overlap'],
  ['ranges that touch', [10, 11, 12], [12, 13, 14], 'the ranges overlap'],
  ['medians nearer than a range is wide', [10, 13, 14], [14.5, 15, 16], 'within the width'],
  ['less than one per cent', [10, 10, 10], [10.05, 10.05, 10.05], 'less than 1 %'],
])('%s make no difference', (_, before, after, because) => {
  const [one] = compare(before, after)
  expect(one?.change).toBe('no difference')
  expect(one?.because).toContain(because)
})

test('fewer than three rounds on either side decide nothing', () => {
  expect(compare([10, 11], [5, 5.5, 6])).toMatchObject([{ change: 'unknown' }])
  expect(compare([10, 11, 12], [5, 6])).toMatchObject([{ change: 'unknown' }])
})

test('only what was measured both times, in the same unit, is compared', () => {
  const other = figure([1, 1, 1], { key: 'other' })
  const inMs = figure([1, 1, 1], { unit: 'ms' })
  expect(compareFigures([figure([1, 1, 1])], [other, inMs])).toEqual([])
})

test('a figure that was zero has no share of change', () => {
  expect(compare([0, 0, 0], [5, 5, 5])).toMatchObject([{ changeShare: 0, change: 'no difference' }])
})

/** Sum of twelve even numbers: near enough to a bell. */
function noise(random: ReturnType<typeof seededRandom>): number {
  const bytes = random.bytes(24)
  let sum = 0
  for (let at = 0; at < 24; at += 2)
    sum += ((bytes[at] as number) * 256 + (bytes[at + 1] as number)) / 65_536
  return 100 + (sum - 6) * 5
}

test.each([
  [3, 0.05],
  [5, 0.01],
])(
  'mere noise of %i rounds each way passes for a difference in fewer than %d of all',
  (rounds, most) => {
    const random = seededRandom(`noise ${rounds}`)
    const take = () => Array.from({ length: rounds }, () => noise(random))
    const trials = 3000
    let claimed = 0
    for (let trial = 0; trial < trials; trial++)
      if (compare(take(), take())[0]?.change !== 'no difference') claimed += 1
    expect(claimed / trials).toBeLessThan(most)
  },
)

test('a difference of five times the noise is found', () => {
  const random = seededRandom('signal')
  let found = 0
  for (let trial = 0; trial < 200; trial++) {
    const before = Array.from({ length: 5 }, () => noise(random))
    const after = Array.from({ length: 5 }, () => noise(random) - 25)
    if (compare(before, after)[0]?.change === 'better') found += 1
  }
  expect(found).toBeGreaterThan(180)
})

const better = compareFigures([figure([10, 11, 12])], [figure([5, 5.5, 6])])
const worse = compareFigures(
  [figure([10, 11, 12], { key: 'm', title: 'memory' })],
  [figure([20, 21, 22], { key: 'm', title: 'memory' })],
)
const same = compareFigures([figure([10, 10.5, 11])], [figure([10, 10.6, 11])])

test('sums up: better is kept, worse is reverted, mixed is for the user to say', () => {
  expect(judgeComparison([...better, ...same])).toMatchObject({ outcome: 'better', advice: 'keep' })
  expect(judgeComparison([...worse, ...same])).toMatchObject({ outcome: 'worse', advice: 'revert' })
  const mixed = judgeComparison([...better, ...worse])
  expect(mixed).toMatchObject({ outcome: 'mixed', advice: 'your choice' })
  expect(mixed.text).toContain('Better: time. Worse: memory.')
})

test('says "no difference beyond the noise" when there is none, and what to do then', () => {
  const verdict = judgeComparison(same)
  expect(verdict).toMatchObject({ outcome: 'no difference', advice: 'revert' })
  expect(verdict.text).toMatch(/^No difference beyond the noise\./)
  expect(verdict.text).not.toContain('Noisy')
})

test('names figures too noisy to show any but large differences', () => {
  expect(judgeComparison(compare([10, 15, 20], [11, 14, 19])).text).toContain('Noisy')
})

test('knows nothing where nothing could be compared', () => {
  expect(judgeComparison([])).toMatchObject({ outcome: 'unknown', advice: 'measure again' })
  expect(judgeComparison(compare([1], [2]))).toMatchObject({ outcome: 'unknown' })
})

test('several measurements count as one with the range of all', () => {
  const merged = mergeFigures([
    [figure([10, 11, 12])],
    [figure([8, 9, 10]), figure([1], { key: 'other' })],
  ])
  expect(merged).toMatchObject([
    { key: 'time', median: 10, min: 8, max: 12, rounds: 6 },
    { key: 'other', rounds: 1 },
  ])
})
