import type { Span, Style } from './text.ts'

/** What bars and curves are drawn with. */
export interface Glyphs {
  /** From nearly nothing to nearly full, left to right. */
  readonly partial: readonly string[]
  readonly full: string
  readonly empty: string
  /** From low to high. */
  readonly heights: readonly string[]
  readonly rule: string
  readonly wall: string
}

export const blockGlyphs: Glyphs = {
  partial: ['▏', '▎', '▍', '▌', '▋', '▊', '▉'],
  full: '█',
  empty: '░',
  heights: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  rule: '─',
  wall: '│',
}

/** For terminals that know no more. */
export const asciiGlyphs: Glyphs = {
  partial: [],
  full: '#',
  empty: '.',
  heights: ['.', ':', '|', '#'],
  rule: '-',
  wall: '|',
}

/** Blocks where the locale is UTF-8, as programs in a terminal are told. */
export function glyphsFor(env: NodeJS.ProcessEnv): Glyphs {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  return /utf-?8/i.test(locale) ? blockGlyphs : asciiGlyphs
}

/** Green, yellow from 70 %, red from 90 %. */
export function styleOf(percent: number): Style {
  if (percent >= 90) return 'red'
  return percent >= 70 ? 'yellow' : 'green'
}

/** A bar that is `percent` full. */
export function bar(
  percent: number,
  columns: number,
  { glyphs, style = styleOf(percent) }: { glyphs: Glyphs; style?: Style },
): Span[] {
  const share = Math.min(1, Math.max(0, Number.isFinite(percent) ? percent / 100 : 0))
  const steps = glyphs.partial.length + 1
  const filled = Math.round(share * columns * steps)
  const whole = Math.floor(filled / steps)
  const part = glyphs.partial[(filled % steps) - 1] ?? ''
  const text = glyphs.full.repeat(whole) + part
  return [
    { text, style },
    { text: glyphs.empty.repeat(columns - whole - part.length), style: 'dim' },
  ]
}

/**
 * A curve one line high, the newest figure at the right.
 *
 * @param top what the highest glyph stands for; by default the highest figure shown
 */
export function curve(
  figures: readonly (number | undefined)[],
  columns: number,
  { glyphs, top }: { glyphs: Glyphs; top?: number | undefined },
): string {
  return chart(figures, { columns, rows: 1, glyphs, top })[0] ?? ''
}

/** A curve several lines high, from the top one down. */
export function chart(
  figures: readonly (number | undefined)[],
  look: {
    readonly columns: number
    readonly rows: number
    readonly glyphs: Glyphs
    readonly top?: number | undefined
  },
): string[] {
  const { columns, rows, glyphs } = look
  const shown = figures.slice(-columns)
  const top = look.top ?? Math.max(...shown.map((figure) => figure ?? 0), Number.MIN_VALUE)
  const steps = glyphs.heights.length
  const levels = shown.map((figure) => {
    if (figure === undefined || figure <= 0) return 0
    // A little is more than nothing.
    return Math.max(1, Math.round(Math.min(1, figure / top) * rows * steps))
  })
  return Array.from({ length: rows }, (_, line) => {
    const below = (rows - 1 - line) * steps
    const cells = levels.map((level) => {
      const height = Math.min(steps, level - below)
      return height > 0 ? (glyphs.heights[height - 1] ?? ' ') : ' '
    })
    return cells.join('').padStart(columns)
  })
}
