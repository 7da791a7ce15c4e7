import {
  type MeasuredFigure,
  type Measurements,
  measuredFigures,
} from '../../advice/measured-figures.ts'
import { formatByteSpeed, formatShare } from '../../advice/rates.ts'
import { headingLines, tableLines, wrap } from '../sidecar/print-advice.ts'

/** What was measured, with how far the rounds lay apart. */
export function measuredLines(measurements: Measurements): string[] {
  const { readings, notes, seconds } = measurements
  const rows = measuredFigures.flatMap(({ key, title, unit }) => {
    const reading = readings[key]
    if (reading === undefined) return []
    const show = (value: number) => formatFigure(value, unit)
    return [[title, show(reading.median), `${show(reading.min)} to ${show(reading.max)}`]]
  })
  return [
    ...headingLines(`Measured here, in ${Math.round(seconds)} s`),
    ...(rows.length > 0 ? tableLines(['what', 'median', 'rounds'], rows) : ['  nothing']),
    ...notes.flatMap((note) => wrap(note, { indent: '    ', first: '  • ' })),
  ]
}

function formatFigure(value: number, unit: MeasuredFigure['unit']): string {
  if (unit === 'bytes/s') return formatByteSpeed(value)
  if (unit === 'share') return formatShare(value)
  if (unit === 'ms') return `${Number(value.toPrecision(2))} ms`
  return `${Math.round(value).toLocaleString('en')}/s`
}
