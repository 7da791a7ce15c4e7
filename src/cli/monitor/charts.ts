import { formatBitRate, formatByteRate, formatPercent, formatRate } from '../display/figures.ts'
import { chart, type Glyphs } from '../display/gauge.ts'
import type { Line } from '../display/text.ts'
import type { History, SeriesName } from './history.ts'
import { labelColumns } from './row.ts'

interface ChartKind {
  readonly name: SeriesName
  readonly title: string
  readonly format: (figure: number) => string
  /** What the top line stands for; without it, the highest figure shown. */
  readonly limit?: number
}

/** A lower chart tells no more than the curve in a row. */
const minRows = 4
const maxRows = 16
const titleRows = 2

export const serverCharts: readonly ChartKind[] = [
  { name: 'requests', title: 'requests', format: formatRate },
  { name: 'sent', title: 'sent', format: formatByteRate },
]

export const hostCharts: readonly ChartKind[] = [
  { name: 'cpu', title: 'processor', format: formatPercent, limit: 100 },
  { name: 'network', title: 'network, in and out', format: formatBitRate },
]

/** Fills what is left of a high screen with as many charts as there is room for. */
export function chartLines(
  kinds: readonly ChartKind[],
  history: History,
  look: { readonly columns: number; readonly height: number; readonly glyphs: Glyphs },
): Line[] {
  // Of what is not known at all, there is nothing to draw.
  const known = kinds.filter(({ name }) => history[name].some((figure) => figure !== undefined))
  const fitting = Math.min(known.length, Math.floor(look.height / (minRows + titleRows)))
  if (fitting === 0) return []
  const rows = Math.min(maxRows, Math.floor(look.height / fitting) - titleRows)
  return known.slice(0, fitting).flatMap((kind) => drawChart(kind, history, { ...look, rows }))
}

function drawChart(
  { name, title, format, limit }: ChartKind,
  history: History,
  { columns, rows, glyphs }: { columns: number; rows: number; glyphs: Glyphs },
): Line[] {
  const width = columns - labelColumns - 1
  const highest = Math.max(...history[name].slice(-width).map((figure) => figure ?? 0), 0)
  const top = limit ?? (highest || 1)
  const lines = chart(history[name], { columns: width, rows, glyphs, top })
  const labels = new Map([
    [0, format(limit ?? highest)],
    [rows - 1, '0'],
  ])
  return [
    [],
    [{ text: `${' '.repeat(labelColumns)}${title}`, style: 'dim' }],
    ...lines.map((text, at): Line => {
      const label = (labels.get(at) ?? '').padStart(labelColumns)
      return [
        { text: `${label}${glyphs.wall}`, style: 'dim' },
        { text, style: 'cyan' },
      ]
    }),
  ]
}
