import { expect, test } from 'vitest'
import { compare, formatComparisons } from '../../../bench/predictions/compare.ts'
import { describedMachine } from '../../../src/advice/described-machine.ts'
import { predict, predictionOf } from '../../../src/advice/predict.ts'

const predictions = predict(describedMachine({ cpu: { cores: 2 } }), { client: 'here' })
const latency = predictionOf(predictions, 'narinfoLatencyMs').value
const rate = predictionOf(predictions, 'narBytesPerSecond').value
const truth = { recompressBytesPerSecond: undefined, xzPackedShare: 0.25, otherCores: 0, notes: [] }

test('only what was measured is held against its prediction', () => {
  const found = compare(predictions, { ...truth, bench: { hitMedianMs: latency } })
  expect(found).toMatchObject([
    { prediction: { key: 'narinfoLatencyMs' }, ratio: 1, isWithin: true },
  ])
})

test.each([
  [1.29, true],
  [1.31, false],
  [0.71, true],
  [0.69, false],
])('predicted at %d times what came is within 30 %%: %s', (factor, isWithin) => {
  const bench = { nar1MBs: rate / factor / 1e6 }
  expect(compare(predictions, { ...truth, bench })).toMatchObject([{ isWithin }])
})

test('the table shows both, their ratio, and the arithmetic beneath', () => {
  const bench = { hitMedianMs: latency * 2 }
  const lines = formatComparisons(compare(predictions, { ...truth, bench })).split('\n')
  expect(lines[2]).toMatch(
    /^\| narinfo from memory, median \| +\S+ ms \| +\S+ ms \| +0\.50 \| +no \|/,
  )
  expect(lines.at(-1)).toMatch(/^- narinfo from memory, median: .*there and back/)
})
