import { type Line, lineWidth, type Span } from '../display/text.ts'

/** A line of a panel, and how soon it is given up when there is no room for all: 0 is never. */
export interface Row {
  readonly line: Line
  readonly rank: number
}

export const labelColumns = 10

/** A row that begins with what it is about. */
export function row(label: string, line: Line, rank = 0): Row {
  return { line: [{ text: label.padEnd(labelColumns), style: 'dim' }, ...line], rank }
}

/** Keeps the rows that fit, those of the highest rank going first, the last of them before others. */
export function fitRows(rows: readonly Row[], height: number): Row[] {
  const kept = [...rows]
  while (kept.length > Math.max(0, height)) {
    const highest = Math.max(...kept.map(({ rank }) => rank))
    kept.splice(
      kept.findLastIndex(({ rank }) => rank === highest),
      1,
    )
  }
  return kept
}

/** Puts spans in columns of these widths; the last one takes what is left. */
export function cells(parts: readonly (readonly [Line | string, number])[]): Line {
  return parts.flatMap(([part, columns]) => {
    const line: Line = typeof part === 'string' ? [{ text: part }] : part
    const blanks = Math.max(0, columns - lineWidth(line))
    return [...line, { text: ' '.repeat(blanks) } satisfies Span]
  })
}
