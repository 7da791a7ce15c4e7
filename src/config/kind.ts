import { isAppError } from '../errors.ts'
import type { Amount } from '../units.ts'
import { parseDuration, parseSize } from '../units.ts'
import type { Complain } from './mistake.ts'
import { nearest } from './suggestion.ts'

/** What a value may be: how it is told apart from mistakes, and how text becomes one. */
export interface Kind<T> {
  /** what is wanted, with an example, for people: 'a size such as "50GiB"' */
  readonly expects: string
  /** Reads a TOML value; complains and returns undefined when it is not of this kind. */
  read(value: unknown, complain: Complain): T | undefined
  /** The TOML value that text from the environment or the command line stands for. */
  fromText(text: string): unknown
}

/**
 * A kind written as a TOML string.
 *
 * @param parse reads the string; complains and returns undefined when it cannot
 */
export function stringKind<T>(
  expects: string,
  parse: (text: string, complain: Complain) => T | undefined,
): Kind<T> {
  return {
    expects,
    read: (value, complain) =>
      typeof value === 'string'
        ? parse(value, complain)
        : complain({ message: wrongType(expects, value) }),
    fromText: (text) => text,
  }
}

/** "expected a whole number such as 64, found the text "many"" */
export function wrongType(expects: string, value: unknown): string {
  return `expected ${expects}, found ${describe(value)}`
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `the text ${JSON.stringify(shorten(value))}`
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${value}`
  if (typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return 'a list'
  return value instanceof Date ? 'a date' : 'a table'
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** Text that is not empty and holds no control characters, such as a file name. */
export function textKind(expects: string): Kind<string> {
  return stringKind(expects, (text, complain) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    text.trim() === '' || /[\x00-\x1f\x7f]/.test(text)
      ? complain({ message: wrongType(expects, text) })
      : text,
  )
}

/** An absolute directory without a slash at its end, such as a store directory. */
export const absoluteDirectory: Kind<string> = stringKind(
  'an absolute directory such as "/nix/store"',
  (text, complain) => {
    const parts = text.split('/').slice(1)
    if (text.startsWith('/') && parts.every((p) => /^[\w.+-]+$/.test(p) && !/^\.\.?$/.test(p)))
      return text
    const message = wrongType(absoluteDirectory.expects, text)
    const trimmed = text.replace(/\/+$/, '')
    return complain(
      trimmed !== '' && trimmed !== text && text.startsWith('/')
        ? { message, suggestion: JSON.stringify(trimmed) }
        : { message },
    )
  },
)

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): Kind<T> {
  const quoted = words.map((word) => JSON.stringify(word))
  const expects = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
  return stringKind(expects, (text, complain) => {
    const word = words.find((w) => w === text)
    if (word !== undefined) return word
    const meant = nearest(text, words)
    const message = wrongType(expects, text)
    return complain(meant ? { message, suggestion: JSON.stringify(meant) } : { message })
  })
}

/** Yes or no. */
export const flag: Kind<boolean> = {
  expects: 'true or false',
  read: (value, complain) =>
    typeof value === 'boolean' ? value : complain({ message: wrongType(flag.expects, value) }),
  fromText: (text) => booleans[text.trim()] ?? text,
}

/** Yes, no, or left to narwhal. */
export const flagOrAuto: Kind<boolean | 'auto'> = {
  expects: 'true, false or "auto"',
  read: (value, complain) =>
    typeof value === 'boolean' || value === 'auto'
      ? value
      : complain({ message: wrongType(flagOrAuto.expects, value) }),
  fromText: flag.fromText,
}

const booleans: Readonly<Record<string, boolean | undefined>> = { true: true, false: false }

/** A whole number between `least` and `most`, both allowed. */
export function integer(range: { least: number; most: number; example: number }): Kind<number> {
  const { least, most, example } = range
  const expects = `a whole number such as ${example}`
  return {
    expects,
    read(value, complain) {
      if (typeof value !== 'number' || !Number.isInteger(value))
        return complain({ message: wrongType(expects, value) })
      if (value < least) return complain({ message: `must be ${least} or more, is ${value}` })
      if (value > most) return complain({ message: `must be ${most} or less, is ${value}` })
      return value
    },
    fromText: (text) => (/^\s*[+-]?\d{1,15}\s*$/.test(text) ? Number(text) : text),
  }
}

/** A number of bytes, written with its unit. */
export const size: Kind<number> = stringKind('a size such as "64MiB"', (text, complain) =>
  readSize(text, size.expects, complain),
)

/** A number of bytes, or a share of the file system. */
export const amount: Kind<Amount> = stringKind(
  'a size such as "50GiB", or a share of the file system such as "80%"',
  (text, complain) => {
    const share = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text)
    if (!share) {
      const bytes = readSize(text, amount.expects, complain)
      return bytes === undefined ? undefined : { kind: 'bytes', bytes }
    }
    const percent = Number(share[1])
    return percent <= 100
      ? { kind: 'percent', percent }
      : complain({ message: `a share is 100% or less, is ${text.trim()}` })
  },
)

function readSize(text: string, expects: string, complain: Complain): number | undefined {
  // A bare "50" is hardly ever meant as fifty bytes.
  if (/^\s*0*[1-9]\d*\s*$/.test(text))
    return complain({
      message: `has no unit: expected ${expects}`,
      suggestion: `"${text.trim()}GiB"`,
    })
  try {
    return parseSize(text)
  } catch (error) {
    if (!isAppError(error, 'BAD_SIZE')) throw error
    return complain({ message: wrongType(expects, text) })
  }
}

/** The longest wait a timer of the platform can hold is a little under 25 days. */
const longestMs = 24 * 86_400_000

/** A span of time, read as milliseconds. */
export const duration: Kind<number> = stringKind(
  'a duration such as "500ms", "30s" or "5m"',
  (text, complain) => {
    const ms = parseDuration(text)
    if (ms === undefined) return complain({ message: wrongType(duration.expects, text) })
    return ms <= longestMs ? ms : complain({ message: `must be "24d" or less, is "${text}"` })
  },
)

/** A list of one kind; as text its items stand between commas or spaces. */
export function list<T>(
  item: Kind<T>,
  options: { example: readonly string[]; least?: number },
): Kind<readonly T[]> {
  const { example, least = 0 } = options
  const expects = `a list such as ${JSON.stringify(example)}`
  return {
    expects,
    read(value, complain) {
      if (!Array.isArray(value)) return complain({ message: wrongType(expects, value) })
      if (value.length < least) return complain({ message: `is empty: expected ${expects}` })
      const items = value.map((each, index) =>
        item.read(each, (problem) => complain({ index, ...problem })),
      )
      return items.every((each) => each !== undefined) ? (items as T[]) : undefined
    },
    fromText: (text) => text.split(/[\s,]+/).filter((part) => part !== ''),
  }
}
