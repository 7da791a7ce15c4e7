import type { Spread } from '../spread.ts'
import type { ExperimentFigure, FigureComparison } from './comparison.ts'

/** "12.3 (12.1–12.6)"; bytes a second are told in MB/s. */
export function formatFigure(figure: ExperimentFigure): string {
  const scale = scaleOf(figure)
  const { median, min, max }: Spread = figure
  const text = (value: number) => formatNumber(value / scale)
  return min === max ? text(median) : `${text(median)} (${text(min)}–${text(max)})`
}

/** "command, s" with the unit as figures are told in it. */
export function figureTitle(figure: ExperimentFigure): string {
  return `${figure.title}, ${unitOf(figure)}`
}

/** "−34 %", "+2 %" */
export function formatShareOfChange(share: number): string {
  const percent = share * 100
  const digits = Math.abs(percent) < 10 ? 1 : 0
  const text = Math.abs(percent).toFixed(digits)
  if (Number(text) === 0) return '0 %'
  return `${percent < 0 ? '−' : '+'}${text} %`
}

/** "command 12.3 → 8.1 s (−34 %, better)" */
export function formatChange({ before, after, changeShare, change }: FigureComparison): string {
  const scale = scaleOf(after)
  const [from, to] = [before, after].map(({ median }) => formatNumber(median / scale))
  return `${after.title} ${from} → ${to} ${unitOf(after)} (${formatShareOfChange(changeShare)}, ${change})`
}

function scaleOf({ unit }: ExperimentFigure): number {
  return unit === 'bytes/s' ? 1e6 : 1
}

function unitOf({ unit }: ExperimentFigure): string {
  return unit === 'bytes/s' ? 'MB/s' : unit
}

function formatNumber(value: number): string {
  const size = Math.abs(value)
  if (size >= 100 || value === 0) return String(Math.round(value))
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(size >= 1 ? 2 : 3)
}
