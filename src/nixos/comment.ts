/** Why something has the value it has: a statement of the advice, as plain data. */
export interface Reason {
  readonly text: string
  /** "(3.7 GiB − 1.3 GiB) / 2 GiB = 1" */
  readonly formula?: string
  readonly source: string
  /** a command that shows it */
  readonly check: string
}

const width = 100

/** Writes a reason as comment lines: what holds, the arithmetic, where it is known from, how to look. */
export function reasonComment(reason: Reason | string, indent = ''): string {
  if (typeof reason === 'string') return comment(reason, indent)
  const { text, formula, source, check } = reason
  return [
    comment(text, indent),
    ...(formula === undefined ? [] : [comment(formula, indent)]),
    comment(`Source: ${source}`, indent),
    // Whole, however long: it is there to be copied.
    `${indent}# Check: ${oneLine(check)}`,
  ].join('\n')
}

/**
 * Breaks text into comment lines.
 *
 * @param text line breaks in it stay, and so do whole lines that begin with spaces; empty lines
 * become bare "#"
 */
export function comment(text: string, indent = ''): string {
  return text
    .split(/\r\n|[\r\n]/)
    .map((line) => (/^ +\S/.test(line) ? `${indent}# ${line}` : commentParagraph(line, indent)))
    .join('\n')
}

function commentParagraph(paragraph: string, indent: string): string {
  const lines: string[] = []
  let line = `${indent}#`
  let isEmpty = true
  for (const word of paragraph.split(/\s+/).filter((word) => word !== '')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = `${indent}#`
    }
    line += ` ${word}`
    isEmpty = false
  }
  return [...lines, line].join('\n')
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
