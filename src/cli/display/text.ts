/** How a piece of text looks, where there are colours. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export interface Span {
  readonly text: string
  readonly style?: Style
}

/** A line of a screen, in pieces. */
export type Line = readonly Span[]

export type Paint = (style: Style, text: string) => string

/** Scripts and pictures whose characters take two columns. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u

/**
 * Makes text that came from elsewhere fit for a terminal: control characters could move the cursor,
 * set the title or answer in the user's name; marks and directions could hide what stands there.
 * Each is shown as "?", so that it is seen that something was there.
 */
export function clean(text: string): string {
  return text.toWellFormed().replace(/[\p{C}\p{M}\p{Zl}\p{Zp}]/gu, '?')
}

/** Cleans every text in a value that came from elsewhere, however deep. */
export function cleanAll<Value>(value: Value): Value {
  if (typeof value === 'string') return clean(value) as Value
  if (Array.isArray(value)) return value.map(cleanAll) as Value
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [clean(key), cleanAll(part)]),
  ) as Value
}

/** Columns a cleaned text takes. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += wide.test(character) ? 2 : 1
  return width
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0)
}

/** Cuts a text to some columns; what was cut is told by an ellipsis. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  if (columns <= 0) return ''
  let kept = ''
  let width = 0
  for (const character of text) {
    width += widthOf(character)
    if (width > columns - 1) break
    kept += character
  }
  return `${kept}…`
}

/** Cuts a text in its middle, so that both ends are read: names of files differ at both. */
export function cutMiddle(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  if (columns < 5) return cut(text, columns)
  const head = Math.ceil((columns - 1) / 2)
  return `${cut(text, head + 1).slice(0, -1)}…${text.slice(-(columns - 1 - head))}`
}

/** Makes a line exactly `columns` wide. */
export function fitLine(line: Line, columns: number): Line {
  const fitted: Span[] = []
  let left = columns
  for (const span of line) {
    const text = cut(span.text, left)
    if (text !== '') fitted.push({ ...span, text })
    left -= widthOf(text)
    if (text !== span.text) break
  }
  if (left > 0) fitted.push({ text: ' '.repeat(left) })
  return fitted
}

/** A line with something at its right end, as far as there is room for both. */
export function spread(left: Line, right: Line, columns: number): Line {
  const room = columns - lineWidth(right)
  return room < lineWidth(left) + 1 ? fitLine(left, columns) : [...fitLine(left, room), ...right]
}

/** Writes a line for a terminal; the blanks at its end are left out. */
export function printLine(line: Line, paint: Paint): string {
  const last = line.findLastIndex(({ text }) => text.trim() !== '')
  return line
    .slice(0, last + 1)
    .map(({ text, style }, at) => {
      const shown = at === last ? text.trimEnd() : text
      return style === undefined ? shown : paint(style, shown)
    })
    .join('')
}
