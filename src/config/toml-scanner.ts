import { parse } from 'smol-toml'
import type { KeyPath } from './mistake.ts'

// Each alternative of a repetition begins with other characters, so that none of these backtracks.
const blank = /(?:[ \t]|\r?\n|#[^\n]*)+/y
const space = /[ \t]+/y
const restOfLine = /[^\n]*/y
const key =
  /(?:[\w-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'))*/y
const text =
  /"""(?:\\[\s\S]|(?!""")[^\\])*"{3,5}|'''(?:(?!''')[\s\S])*'{3,5}|"(?!"")(?:\\.|[^"\\\n])*"|'(?!'')[^'\n]*'/y
const bare = /[^\s,[\]{}#"'=][^,[\]{}#"'\n]*/y
const deepest = 100

/**
 * Steps through a TOML text and knows the line it is on, counted from 1.
 *
 * It tells things apart (toml.io/en/v1.0.0) but judges nothing: that is the parser's work.
 */
export class TomlScanner {
  readonly #toml: string
  #at: number
  #line = 1

  constructor(toml: string) {
    this.#toml = toml
    this.#at = toml.startsWith('\uFEFF') ? 1 : 0
  }

  get line(): number {
    return this.#line
  }

  get done(): boolean {
    return this.#at >= this.#toml.length
  }

  /** The character it stands before; empty at the end. */
  get next(): string {
    return this.#toml.charAt(this.#at)
  }

  skipBlank(): void {
    this.#take(blank)
  }

  takeRestOfLine(): string {
    return this.#take(restOfLine) ?? ''
  }

  takeMark(mark: string): boolean {
    if (!this.#toml.startsWith(mark, this.#at)) return false
    this.#at += mark.length
    return true
  }

  /** Takes a dotted key and the spaces around it; undefined when there is none. */
  takeKey(): string[] | undefined {
    this.#take(space)
    const written = this.#take(key)
    this.#take(space)
    return written === undefined ? undefined : keyParts(written)
  }

  /**
   * Takes a value, and notes the line of each list item and of each key in it.
   *
   * @param path where the value stands
   * @returns its text; undefined when it was not understood up to its end
   */
  takeValue(path: KeyPath, note: (path: KeyPath, line: number) => void): string | undefined {
    this.#take(space)
    const start = this.#at
    return this.#value(path, note, 0) ? this.#toml.slice(start, this.#at) : undefined
  }

  #value(path: KeyPath, note: (path: KeyPath, line: number) => void, depth: number): boolean {
    if (depth > deepest) return false
    if (this.takeMark('['))
      return this.#items(']', (index) => {
        note([...path, index], this.#line)
        return this.#value([...path, index], note, depth + 1)
      })
    if (this.takeMark('{'))
      return this.#items('}', () => {
        const line = this.#line
        const parts = this.takeKey()
        if (parts === undefined || !this.takeMark('=')) return false
        note([...path, ...parts], line)
        this.#take(space)
        return this.#value([...path, ...parts], note, depth + 1)
      })
    return (this.#take(text) ?? this.#take(bare)) !== undefined
  }

  /** Takes what stands between commas up to `end`. */
  #items(end: string, takeItem: (index: number) => boolean): boolean {
    for (let index = 0; ; index++) {
      this.skipBlank()
      if (this.takeMark(end)) return true
      if (!takeItem(index)) return false
      this.skipBlank()
      if (!this.takeMark(',')) return this.takeMark(end)
    }
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#toml)?.[0]
    if (found === undefined) return undefined
    this.#at += found.length
    this.#line += found.split('\n').length - 1
    return found
  }
}

/** Takes a dotted key apart; where there are quotes, the parser itself says what they mean. */
function keyParts(written: string): string[] | undefined {
  if (!/["']/.test(written)) return written.split('.').map((part) => part.trim())
  try {
    const parts: string[] = []
    let inner: unknown = parse(`${written} = 0`)
    while (typeof inner === 'object' && inner !== null) {
      const [[name, value]] = Object.entries(inner) as [[string, unknown]]
      parts.push(name)
      inner = value
    }
    return parts
  } catch {
    return undefined
  }
}
