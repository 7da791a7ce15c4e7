import type { Prediction, PredictionKey } from '../../src/advice/predict.ts'
import { alignTable } from '../table.ts'
import type { Truth } from './truth.ts'

/** A prediction beside what came. */
export interface Comparison {
  readonly prediction: Prediction
  readonly measured: number
  /** Predicted ÷ measured: above 1 where more was promised than there is, or, of times, more asked. */
  readonly ratio: number
  readonly isWithin: boolean
}

/** How far a prediction may be off, either way. */
export const tolerance = 0.3

/** Puts each prediction that was held against a real narwhal beside what it did. */
export function compare(predictions: readonly Prediction[], truth: Truth): Comparison[] {
  return predictions.flatMap((prediction) => {
    const measured = measuredOf(prediction.key, truth)
    if (measured === undefined) return []
    const ratio = prediction.value / measured
    const isWithin = ratio <= 1 + tolerance && ratio >= 1 - tolerance
    return [{ prediction, measured, ratio, isWithin }]
  })
}

function measuredOf(
  key: PredictionKey,
  { bench, recompressBytesPerSecond }: Truth,
): number | undefined {
  if (key === 'narinfoLatencyMs') return bench.hitMedianMs
  if (key === 'narinfosPerSecond') return bench.hitsPerSecond
  if (key === 'narBytesPerSecond') return bench.nar1MBs && bench.nar1MBs * 1e6
  if (key === 'recompressBytesPerSecond') return recompressBytesPerSecond
  return undefined
}

/** The comparisons as a Markdown table, with the arithmetic beneath. */
export function formatComparisons(comparisons: readonly Comparison[]): string {
  const head = ['', 'predicted', 'measured', 'predicted ÷ measured', 'within 30 %', 'bounded by']
  const rows = comparisons.map(({ prediction, measured, ratio, isWithin }) => [
    prediction.title,
    formatValue(prediction.value, prediction.unit),
    formatValue(measured, prediction.unit),
    ratio.toFixed(2),
    isWithin ? 'yes' : 'no',
    prediction.boundBy,
  ])
  const formulas = comparisons.map(
    ({ prediction }) => `- ${prediction.title}: ${prediction.statement.formula}`,
  )
  return [alignTable(head, rows), '', ...formulas].join('\n')
}

function formatValue(value: number, unit: Prediction['unit']): string {
  if (unit === 'bytes/s') return `${(value / 1e6).toFixed(value < 1e8 ? 1 : 0)} MB/s`
  if (unit === 'ms') return `${value.toFixed(3)} ms`
  return unit === '1/s' ? `${Math.round(value)}/s` : `${value.toFixed(1)} s`
}
