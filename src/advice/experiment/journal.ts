import type { ExperimentFigure } from './comparison.ts'

/** What is measured before and after, again in the same way. */
export interface MeasurePlan {
  readonly rounds: number
  /** this machine: the disk of that directory, a core, the loopback */
  readonly machine?: { readonly directory: string }
  /** a binary cache, as `narwhal bench` measures it */
  readonly cache?: {
    readonly url: string
    readonly paths: readonly string[]
    readonly seconds: number
  }
  /** how long a command of the shell takes */
  readonly command?: {
    readonly line: string
    /** run before each round, and not timed */
    readonly prepare?: string
    readonly directory: string
    readonly warmups: number
  }
}

/** What stands in every line, so that one alone tells what it is about. */
interface EntryHead {
  readonly id: number
  readonly name: string
  /** the one thing that is changed: "max-jobs 4 → 2" */
  readonly change: string
  /** RFC 3339 */
  readonly at: string
}

/** One line of the journal. */
export type JournalEntry = EntryHead &
  (
    | {
        readonly kind: 'start'
        readonly plan: MeasurePlan
        readonly figures: readonly ExperimentFigure[]
        readonly notes: readonly string[]
      }
    | {
        readonly kind: 'measure'
        /** true where the change was not made yet: more of the baseline */
        readonly isBaseline: boolean
        readonly figures: readonly ExperimentFigure[]
        readonly notes: readonly string[]
      }
    | { readonly kind: 'keep' | 'revert'; readonly because: string | undefined }
  )

export interface Journal {
  readonly entries: readonly JournalEntry[]
  /** numbers of lines that cannot be read; all others count */
  readonly damagedLines: readonly number[]
}

/** Reads a journal: one object of JSON a line. A damaged line costs itself alone. */
export function parseJournal(text: string): Journal {
  const entries: JournalEntry[] = []
  const damagedLines: number[] = []
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const entry = parseEntry(line)
    if (entry === undefined) damagedLines.push(at + 1)
    else entries.push(entry)
  }
  return { entries, damagedLines }
}

/** @returns a line without its end */
export function printEntry(entry: JournalEntry): string {
  return JSON.stringify(entry)
}

function parseEntry(line: string): JournalEntry | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { id, name, change, at, kind } = value
  const hasHead =
    Number.isSafeInteger(id) && [name, change, at].every((text) => typeof text === 'string')
  if (!hasHead) return undefined
  if (kind === 'keep' || kind === 'revert')
    return value.because === undefined || typeof value.because === 'string'
      ? (value as unknown as JournalEntry)
      : undefined
  const hasFigures =
    Array.isArray(value.figures) && value.figures.every(isFigure) && isTexts(value.notes)
  if (!hasFigures) return undefined
  const isWhole =
    kind === 'start' ? isPlan(value.plan) : kind === 'measure' && isBoolean(value.isBaseline)
  return isWhole ? (value as unknown as JournalEntry) : undefined
}

function isFigure(value: unknown): value is ExperimentFigure {
  if (!isObject(value)) return false
  const { key, title, unit, better, median, min, max, rounds } = value
  return (
    [key, title, unit].every((text) => typeof text === 'string') &&
    (better === 'higher' || better === 'lower') &&
    [median, min, max, rounds].every(Number.isFinite)
  )
}

function isPlan(value: unknown): value is MeasurePlan {
  if (!isObject(value) || !Number.isSafeInteger(value.rounds)) return false
  const { machine, cache, command } = value
  const isMachine = machine === undefined || (isObject(machine) && isText(machine.directory))
  const isCache =
    cache === undefined ||
    (isObject(cache) && isText(cache.url) && isTexts(cache.paths) && isNumber(cache.seconds))
  const isCommand =
    command === undefined ||
    (isObject(command) &&
      [command.line, command.directory].every(isText) &&
      (command.prepare === undefined || isText(command.prepare)) &&
      isNumber(command.warmups))
  return isMachine && isCache && isCommand
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText)
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}
