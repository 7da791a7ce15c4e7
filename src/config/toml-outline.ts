import type { KeyPath } from './mistake.ts'
import { TomlScanner } from './toml-scanner.ts'

/** One header or one `key = value` of a TOML text. Lines count from 1. */
export interface Statement {
  readonly kind: 'header' | 'pair'
  /** undefined when it could not be made out */
  readonly path: KeyPath | undefined
  readonly line: number
  readonly lastLine: number
  /** the text of a pair's value; undefined when it was not understood up to its end */
  readonly value: string | undefined
}

/** Where the things in a TOML text stand. */
export interface TomlOutline {
  readonly statements: readonly Statement[]
  /** The line of a key, or of what encloses it; undefined when neither could be found. */
  lineOf(path: KeyPath): number | undefined
}

/**
 * Finds the line of every key, table and list item, which the TOML parser does not tell.
 *
 * It accepts anything, and goes on with the next line where it understands nothing.
 */
export function outlineToml(toml: string): TomlOutline {
  const scanner = new TomlScanner(toml)
  const statements: Statement[] = []
  const lines = new LineBook()
  const tables = new TableCounter()
  let table: KeyPath = []
  for (scanner.skipBlank(); !scanner.done; scanner.skipBlank()) {
    const { line } = scanner
    const isHeader = scanner.next === '['
    const path = isHeader ? takeHeader(scanner, tables) : takePairKey(scanner, table)
    if (isHeader && path) table = path
    if (path) lines.note(path, line)
    const value =
      isHeader || path === undefined
        ? undefined
        : scanner.takeValue(path, (inner, where) => lines.note(inner, where))
    const lastLine = scanner.line
    scanner.takeRestOfLine()
    statements.push({ kind: isHeader ? 'header' : 'pair', path, line, lastLine, value })
  }
  return { statements, lineOf: (path) => lines.lineOf(path) }
}

function takeHeader(scanner: TomlScanner, tables: TableCounter): KeyPath | undefined {
  const many = scanner.takeMark('[[')
  if (!many) scanner.takeMark('[')
  const parts = scanner.takeKey()
  if (parts === undefined || !scanner.takeMark(many ? ']]' : ']')) return undefined
  return many ? tables.add(parts) : tables.resolve(parts)
}

function takePairKey(scanner: TomlScanner, table: KeyPath): KeyPath | undefined {
  const parts = scanner.takeKey()
  return parts !== undefined && scanner.takeMark('=') ? [...table, ...parts] : undefined
}

/** Counts [[tables]], so that a header below one of them gets the position it stands in. */
class TableCounter {
  readonly #counts = new Map<string, number>()

  add(parts: readonly string[]): KeyPath {
    const list = [...this.resolve(parts.slice(0, -1)), ...parts.slice(-1)]
    const name = JSON.stringify(list)
    const count = this.#counts.get(name) ?? 0
    this.#counts.set(name, count + 1)
    return [...list, count]
  }

  resolve(parts: readonly string[]): KeyPath {
    const path: (string | number)[] = []
    for (const part of parts) {
      path.push(part)
      const count = this.#counts.get(JSON.stringify(path))
      if (count !== undefined) path.push(count - 1)
    }
    return path
  }
}

/** Remembers lines by path. The first mention counts: that is where the eye looks for it. */
class LineBook {
  readonly #lines = new Map<string, number>()

  note(path: KeyPath, line: number): void {
    for (let length = 1; length <= path.length; length++) {
      const name = JSON.stringify(path.slice(0, length))
      if (!this.#lines.has(name)) this.#lines.set(name, line)
    }
  }

  lineOf(path: KeyPath): number | undefined {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(JSON.stringify(path.slice(0, length)))
      if (line !== undefined) return line
    }
    return undefined
  }
}
