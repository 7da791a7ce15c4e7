import { wrongType } from './kind.ts'
import { formatKey, type KeyPath, type Problem } from './mistake.ts'
import { nearest } from './suggestion.ts'
import type { TomlTable } from './toml.ts'

/** Something no option is called. */
export interface UnknownKey extends Problem {
  readonly path: KeyPath
}

/**
 * Finds keys and tables that mean nothing, and what they were probably meant to be.
 *
 * @param known full keys such as "cache.max_size" and "upstream.url"; what stands before a dot is a
 * table
 * @param at where `table` itself stands
 */
export function findUnknownKeys(
  table: TomlTable,
  known: readonly string[],
  at: KeyPath = [],
): UnknownKey[] {
  return Object.entries(table).flatMap(([name, value]) => {
    const path = [...at, name]
    const key = keyOf(path)
    if (known.includes(key)) return []
    if (!known.some((other) => other.startsWith(`${key}.`))) return [unknown(path, value, known)]
    return isTable(value)
      ? findUnknownKeys(value, known, path)
      : [{ path, message: wrongType(`the table [${key}]`, value) }]
  })
}

export function isTable(value: unknown): value is TomlTable {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  )
}

function unknown(path: KeyPath, value: unknown, known: readonly string[]): UnknownKey {
  const name = String(path.at(-1))
  // Often the name is right and the place is not: TOML has no way back out of a table.
  const elsewhere = known.filter((key) => lastOf(key) === name)
  if (elsewhere.length > 0)
    return { path, message: `belongs ${elsewhere.map(placeOf).join(', or ')}` }
  const message = isTable(value) ? 'unknown table' : 'unknown key'
  const meant = nearest(name, namesIn(keyOf(path.slice(0, -1)), known))
  return meant === undefined ? { path, message } : { path, message, suggestion: meant }
}

function placeOf(key: string): string {
  const table = key.split('.').slice(0, -1).join('.')
  if (table === '') return 'above the first [table]'
  return `below ${table === 'upstream' ? '[[upstream]]' : `[${table}]`}`
}

/** The keys and tables that stand directly in a table. */
function namesIn(table: string, known: readonly string[]): Set<string> {
  const prefix = table === '' ? '' : `${table}.`
  const inside = known.filter((key) => key.startsWith(prefix))
  return new Set(inside.map((key) => key.slice(prefix.length).split('.')[0] as string))
}

/** A path as options are named: without positions in lists. */
function keyOf(path: KeyPath): string {
  return formatKey(path.filter((part) => typeof part === 'string'))
}

function lastOf(key: string): string {
  return key.split('.').at(-1) as string
}
