import { isReached, ratioOf, type Series, spreadOf } from './series.ts'

/** The results as a Markdown table, which a terminal shows as well as a browser. */
export function formatTable(all: readonly Series[]): string {
  const head = ['median (min–max)', 'nginx', 'narwhal', 'narwhal ÷ nginx', 'target', '']
  const rows = all.map((series) => [
    `${series.title}, ${series.unit}`,
    formatSpread(series.nginx),
    formatSpread(series.narwhal),
    ratioOf(series).toFixed(2),
    formatTarget(series),
    verdict(series),
  ])
  return alignTable(head, rows)
}

/** Lays out a Markdown table: the first column to the left, the others to the right. */
export function alignTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(' | ')} |`
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(Math.max(0, width - 1))}:`,
  )
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}

/** For example "21.1 (20.9–21.5)"; a single figure has no spread. */
export function formatSpread(figures: readonly number[]): string {
  const { median, min, max } = spreadOf(figures)
  const spread = figures.length > 1 ? ` (${formatFigure(min)}–${formatFigure(max)})` : ''
  return formatFigure(median) + spread
}

function formatFigure(figure: number): string {
  return figure < 100 ? figure.toFixed(1) : String(Math.round(figure))
}

function formatTarget({ target, unit }: Series): string {
  if (target === undefined) return ''
  const sign = target.is === 'at least' ? '≥' : '≤'
  return `${sign} ${target.value}${target.of === 'nginx' ? '' : ` ${unit}`}`
}

function verdict(series: Series): string {
  const reached = isReached(series)
  if (reached === undefined) return ''
  return reached ? 'reached' : 'missed'
}
