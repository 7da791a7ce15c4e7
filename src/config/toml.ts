import { parse, TomlError } from 'smol-toml'
import { messageOf } from '../errors.ts'
import { formatKey, type KeyPath, type Mistake } from './mistake.ts'
import { outlineToml, type Statement, type TomlOutline } from './toml-outline.ts'

/** A table as the parser gives it: an object without a prototype. */
export type TomlTable = Readonly<Record<string, unknown>>

/** What a TOML text says, as far as it could be read. */
export interface ParsedToml {
  readonly table: TomlTable
  readonly mistakes: readonly Mistake[]
  /** How a mistake says where it is. */
  place(path: KeyPath): Pick<Mistake, 'source' | 'line' | 'key'>
}

const maxLength = 1024 * 1024
const maxMistakes = 20

/**
 * Parses TOML, and after a syntax error goes on without the broken statement, so that one slip
 * does not hide the mistakes below it.
 *
 * @param source the file's name, for the mistakes
 */
export function parseToml(text: string, source: string): ParsedToml {
  const nothing = { table: {}, place: (path: KeyPath) => ({ source, key: formatKey(path) }) }
  if (text.length > maxLength)
    return { ...nothing, mistakes: [{ source, key: '', message: 'is larger than 1 MiB' }] }
  const mistakes: Mistake[] = []
  let rest = text
  while (mistakes.length < maxMistakes) {
    const outline = outlineToml(rest)
    try {
      // A number too large for a double is a wrong value, not broken syntax.
      const table = parse(rest, { integersAsBigInt: 'asNeeded' })
      return { table, mistakes, place: (path) => placeIn(outline, source, path) }
    } catch (error) {
      const line = error instanceof TomlError ? error.line : undefined
      const broken = outline.statements.findLast((s) => line !== undefined && s.line <= line)
      mistakes.push(syntaxMistake(error, { source, line, broken }))
      const shorter = broken && withoutStatement(rest, outline, broken, line ?? broken.line)
      if (shorter === undefined || shorter === rest) break
      rest = shorter
    }
  }
  return { ...nothing, mistakes }
}

function placeIn(
  outline: TomlOutline,
  source: string,
  path: KeyPath,
): ReturnType<ParsedToml['place']> {
  const line = outline.lineOf(path)
  return { source, ...(line !== undefined && { line }), key: formatKey(path) }
}

function syntaxMistake(
  error: unknown,
  place: { source: string; line: number | undefined; broken: Statement | undefined },
): Mistake {
  const { source, line, broken } = place
  const key = broken?.path === undefined ? '' : formatKey(broken.path)
  const where = line === undefined ? { source, key } : { source, line, key }
  const reason = messageOf(error)
    .replace(/^Invalid TOML document: /, '')
    .split('\n')[0] as string
  if (reason.startsWith('trying to redefine')) return { ...where, message: 'is given twice' }
  const value = broken?.value?.trim()
  if (value !== undefined && line === broken?.line && /^[\w./~:+-]*[A-Za-z/~][^"']*$/.test(value))
    return { ...where, message: 'text needs quotes', suggestion: JSON.stringify(value) }
  return { ...where, message: `broken TOML: ${reason}` }
}

/** Empties the lines of a broken statement and of what loses its meaning with it. */
function withoutStatement(
  text: string,
  outline: TomlOutline,
  broken: Statement,
  line: number,
): string {
  const last = Math.max(broken.lastLine, line)
  // Without its header a table's keys would land in another table; and where a list that goes over
  // several lines ends is anybody's guess once it is broken.
  const lost = broken.kind === 'header' || (broken.value === undefined && last > broken.line)
  const nextHeader = outline.statements.find((s) => s.kind === 'header' && s.line > broken.line)
  const end = lost ? (nextHeader?.line ?? Number.POSITIVE_INFINITY) - 1 : last
  return text
    .split('\n')
    .map((content, index) => (index + 1 >= broken.line && index + 1 <= end ? '' : content))
    .join('\n')
}
