import type { KeyPath, Mistake, Problem } from './mistake.ts'
import type { Option, OptionTree, Values } from './option.ts'
import { flagProperty, isOption, variableOf } from './option.ts'
import type { ParsedToml, TomlTable } from './toml.ts'

/** A value somebody gave, and where, down to the item of a list. */
export interface Given {
  readonly value: unknown
  place(index?: number): Pick<Mistake, 'source' | 'line' | 'key'>
}

/** A place where options are given: the file, the environment, the command line. */
export type Layer = (option: Option<unknown>) => Given | undefined

export type Report = (mistake: Mistake) => void

/**
 * Reads every option of a tree from every layer.
 *
 * A value that is overruled is checked all the same, and in place of a wrong one comes the default,
 * so that one mistake is not followed by others that are none.
 *
 * @param layers the weakest first
 */
export function readOptions<Tree extends OptionTree>(
  tree: Tree,
  layers: readonly Layer[],
  report: Report,
): Values<Tree> {
  const values = Object.entries(tree).map(([name, node]) => [
    name,
    isOption(node) ? readOption(node, layers, report) : readOptions(node, layers, report),
  ])
  return Object.fromEntries(values) as Values<Tree>
}

/** Reads one option, as readOptions does. */
export function readOption<T>(option: Option<T>, layers: readonly Layer[], report: Report): T {
  let chosen: T | undefined
  for (const layer of layers) {
    const given = layer(option)
    if (given === undefined) continue
    const value = readGiven(option, given, report)
    if (value !== undefined) chosen = value
  }
  return chosen ?? defaultOf(option)
}

/** What an option is when nobody gives it; undefined for one that may be left out. */
export function defaultOf<T>(option: Option<T>): T {
  if (option.default === undefined) return undefined as T
  return option.kind.read(option.default, ({ message }) => {
    throw new TypeError(`the default of ${option.key}: ${message}`)
  }) as T
}

function readGiven<T>(option: Option<T>, given: Given, report: Report): T | undefined {
  return option.kind.read(given.value, ({ index, ...problem }: Problem) => {
    report({ ...given.place(index), ...problem })
    return undefined
  })
}

/**
 * The layer of a file.
 *
 * @param at where its table stands: empty for the whole file, or the path of one [[upstream]]
 */
export function fileLayer(file: Pick<ParsedToml, 'table' | 'place'>, at: KeyPath = []): Layer {
  return ({ key }) => {
    const keys = key.split('.')
    const value = keys.reduce<unknown>(ownValue, file.table)
    if (value === undefined) return undefined
    const path = [...at, ...keys]
    return { value, place: (index) => file.place(index === undefined ? path : [...path, index]) }
  }
}

/** The layer of the environment. An empty variable counts as not set. */
export function environmentLayer(env: Readonly<Record<string, string | undefined>>): Layer {
  return (option) => {
    const name = variableOf(option)
    const text = Object.hasOwn(env, name) ? env[name] : undefined
    if (text === undefined || text.trim() === '') return undefined
    return {
      value: option.kind.fromText(text),
      place: () => ({ source: 'environment', key: name }),
    }
  }
}

/** The flags of a command line, by property: `--data-dir` is dataDir; lists where repeatable. */
export type Flags = Readonly<Record<string, unknown>>

/** The layer of the command line. */
export function flagLayer(flags: Flags): Layer {
  return (option) => {
    if (!option.flag) return undefined
    const value = ownValue(flags, flagProperty(option.flag.name))
    if (value === undefined) return undefined
    const place = { source: 'command line', key: `--${option.flag.name}` }
    return {
      value: typeof value === 'string' ? option.kind.fromText(value) : value,
      place: () => place,
    }
  }
}

/** A property of its own, never one that is inherited. */
function ownValue(table: unknown, key: string): unknown {
  if (typeof table !== 'object' || table === null || !Object.hasOwn(table, key)) return undefined
  return (table as TomlTable)[key]
}
