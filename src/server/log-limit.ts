import type { LogFields } from '../telemetry.ts'

/** Lines of one class that are written in each window; the rest are only counted. */
const maxLines = 20
const windowMs = 10_000
const maxClasses = 200
const maxTemplateLength = 120

interface LogClass {
  lines: number
  /** The first line that was left out, to say what the others were like. */
  example: string
}

/**
 * Keeps a log from growing with what strangers send: of lines that say the same about different
 * things, only the first of each window are written.
 */
export class LogLimit {
  readonly #summarise: (left: { readonly suppressed: number }, example: string) => void
  readonly #classes = new Map<string, LogClass>()
  #endsAt = 0
  #timer: NodeJS.Timeout | undefined

  /** @param summarise told of each class that had more lines than were written, at a window's end */
  constructor(summarise: (left: { readonly suppressed: number }, example: string) => void) {
    this.#summarise = summarise
  }

  /** True when this line may be written. */
  admits(level: string, fields: LogFields, message: string): boolean {
    const now = performance.now()
    if (now >= this.#endsAt) {
      this.endWindow()
      this.#endsAt = now + windowMs
    }
    const name = classOf(level, fields, message)
    const key = this.#classes.size < maxClasses || this.#classes.has(name) ? name : 'others'
    const known = this.#classes.get(key)
    if (!known) {
      this.#classes.set(key, { lines: 1, example: '' })
      return true
    }
    known.lines += 1
    if (known.lines <= maxLines) return true
    if (known.lines === maxLines + 1) {
      known.example = message
      this.#timer ??= setTimeout(() => this.endWindow(), this.#endsAt - now).unref()
    }
    return false
  }

  /** Tells what was left out so far, and starts to count afresh. */
  endWindow(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#endsAt = 0
    const ended = [...this.#classes.values()]
    this.#classes.clear()
    for (const { lines, example } of ended)
      if (lines > maxLines) this.#summarise({ suppressed: lines - maxLines }, example)
  }
}

/** An error's code says what a line is about; without one, its words do, but not its names and numbers. */
function classOf(level: string, { code, upstream }: LogFields, message: string): string {
  if (code !== undefined) return `${level} ${code} ${upstream ?? ''}`
  const start = message.slice(0, maxTemplateLength)
  return `${level} ${start.replace(/[0-9a-z]{32,}|\d+/g, '#')}`
}
