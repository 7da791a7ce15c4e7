import type { Bottleneck } from '../../advice/bottleneck.ts'
import type { Branch } from '../../advice/decision.ts'
import type { Setting } from '../../advice/setting.ts'
import type { Alternative, Statement, Verdict } from '../../advice/verdict.ts'
import { clean, type Style, widthOf } from '../display/text.ts'
import { paint } from '../output.ts'

/** Columns that advice is set in, whatever the terminal: long lines are hard to read. */
export const columns = 80

type Paint = (style: Style, text: string) => string

/** Colours for stdout: on a terminal only, and not with NO_COLOR. */
export const paintOut: Paint = (style, text) => paint(style, text)

/**
 * Breaks a text into lines of at most `width` columns, between words; a longer word stands alone.
 *
 * @param indent before every line; `first` before the first one instead
 */
export function wrap(
  text: string,
  { indent = '', first = indent, width = columns }: WrapOptions = {},
): string[] {
  const lines: string[] = []
  let line = first
  let isEmpty = true
  for (const word of clean(text).split(/ +/)) {
    if (word === '') continue
    if (!isEmpty && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line)
      line = indent
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line]
}

export interface WrapOptions {
  readonly indent?: string
  readonly first?: string
  readonly width?: number
}

/** A heading, with an empty line before it. */
export function headingLines(text: string, paint: Paint = paintOut): string[] {
  return ['', ...wrap(text).map((line) => paint('bold', line))]
}

/** A statement as a point: the sentence, and dimmed beneath it formula, source and check. */
export function statementLines(
  statement: Statement,
  { paint = paintOut, bullet = '•', indent = '  ', isBrief = false }: PointOptions = {},
): string[] {
  const inner = `${indent}  `
  const lines = wrap(statement.text, { indent: inner, first: `${indent}${bullet} ` })
  if (isBrief) return lines
  const facts: (readonly [string, string | undefined])[] = [
    ['', statement.formula],
    ['source: ', statement.source],
    ['check: ', statement.check],
  ]
  for (const [label, fact] of facts)
    if (fact)
      for (const line of wrap(`${label}${fact}`, { indent: `${inner}  `, first: inner }))
        lines.push(paint('dim', line))
  return lines
}

export interface PointOptions {
  readonly paint?: Paint
  readonly bullet?: string
  readonly indent?: string
  /** the sentence alone */
  readonly isBrief?: boolean
}

/** "workaround: …", and what it costs. */
export function alternativeLines(
  { kind, text, cost }: Alternative,
  { indent = '  ' }: { readonly indent?: string } = {},
): string[] {
  const costs = cost === undefined ? '' : ` (${cost})`
  return wrap(`${kind}: ${text}${costs}`, { indent: `${indent}  `, first: `${indent}→ ` })
}

const answerStyles = { yes: 'green', 'yes, if': 'yellow', no: 'red' } as const

/** Question and answer, the reasons, and with a no what will work instead. */
export function verdictLines(
  verdict: Verdict,
  {
    paint = paintOut,
    isBrief = false,
  }: { readonly paint?: Paint; readonly isBrief?: boolean } = {},
): string[] {
  const answer = paint(answerStyles[verdict.answer], verdict.answer.toUpperCase())
  const lines = [`${clean(verdict.question)} ${answer}`]
  for (const statement of verdict.because)
    lines.push(...statementLines(statement, { paint, isBrief }))
  if (verdict.answer === 'yes, if') {
    lines.push('  if')
    for (const condition of verdict.conditions)
      lines.push(...wrap(condition, { indent: '    ', first: '  – ' }))
  }
  if (verdict.answer === 'no') {
    lines.push("  Here's what will work:")
    for (const alternative of verdict.instead) lines.push(...alternativeLines(alternative))
  }
  return lines
}

const severityStyles = { fault: 'red', warning: 'yellow', limit: 'cyan' } as const

/** A bottleneck with its severity, the reasons and what to do. */
export function bottleneckLines(
  { severity, part, statement, actions }: Bottleneck,
  {
    paint = paintOut,
    isBrief = false,
  }: { readonly paint?: Paint; readonly isBrief?: boolean } = {},
): string[] {
  const label = `${severity}, ${part}:`
  const labelled = { ...statement, text: `${label} ${statement.text}` }
  const [first = '', ...rest] = statementLines(labelled, { paint, isBrief })
  return [
    first.replace(label, () => paint(severityStyles[severity], label)),
    ...rest,
    ...actions.flatMap((action) => alternativeLines(action, { indent: '    ' })),
  ]
}

/** The way through a decision tree: each question with its answer. */
export function pathLines(
  path: readonly Branch[],
  { paint = paintOut }: { readonly paint?: Paint } = {},
): string[] {
  return path.flatMap(({ question, answer, because }) => [
    ...wrap(`${question} ${answer}.`, { indent: '    ', first: '  ' }),
    ...wrap(because.text, { indent: '    ', first: '    ' }).map((line) => paint('dim', line)),
  ])
}

/** Settings as "key = value", with the reason beneath each group that shares one. */
export function settingLines(
  settings: readonly Setting[],
  {
    paint = paintOut,
    isBrief = false,
  }: { readonly paint?: Paint; readonly isBrief?: boolean } = {},
): string[] {
  return settings.flatMap(({ key, value, because }, at) => {
    const line = `  ${paint('bold', key)} = ${formatValue(value)}`
    if (isBrief || settings[at + 1]?.because === because) return [line]
    return [line, ...wrap(because.text, { indent: '      ' }).map((reason) => paint('dim', reason))]
  })
}

/** As JSON writes it, which Nix and TOML mostly read alike. */
export function formatValue(value: Setting['value']): string {
  return JSON.stringify(value)
}

/** A table with a header; columns are as wide as their widest cell, numbers to the right. */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { paint = paintOut, indent = '  ' }: { readonly paint?: Paint; readonly indent?: string } = {},
): string[] {
  const cleaned = rows.map((row) => row.map(clean))
  const widths = header.map((title, at) =>
    Math.max(widthOf(title), ...cleaned.map((row) => widthOf(row[at] ?? ''))),
  )
  const isNumber = header.map((_, at) =>
    cleaned.every((row) => /^[–-]?$|^[≈<>~]? ?-?[\d.,]/.test(row[at] ?? '')),
  )
  const write = (row: readonly string[]) =>
    (
      indent +
      row
        .map((cell, at) => {
          const blanks = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(cell)))
          return isNumber[at] ? blanks + cell : cell + blanks
        })
        .join('  ')
    ).trimEnd()
  return [paint('dim', write(header)), ...cleaned.map(write)]
}
