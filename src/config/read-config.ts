import { AppError } from '../errors.ts'
import type { Config } from './config.ts'
import { formatMistakes, type Mistake } from './mistake.ts'
import { optionsOf, variableOf } from './option.ts'
import { options, upstreamOptions, upstreamUrls } from './options.ts'
import { environmentLayer, type Flags, fileLayer, flagLayer, readOptions } from './read-options.ts'
import { readUpstreams } from './read-upstreams.ts'
import { nearest } from './suggestion.ts'
import { parseToml } from './toml.ts'
import { findUnknownKeys } from './unknown-keys.ts'

/** Everything a configuration is made of, each part optional: narwhal works with none. */
export interface ConfigInput {
  /** the TOML text */
  readonly text?: string | undefined
  /** what to call the file in mistakes */
  readonly fileName?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly flags?: Flags | undefined
}

export type ConfigReading =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] }

const plainOptions = [...optionsOf(options), upstreamUrls]
const fileKeys = [
  ...plainOptions.map(({ key }) => key),
  ...optionsOf(upstreamOptions).map(({ key }) => `${upstreamUrls.key}.${key}`),
]

/**
 * Makes a configuration: flags beat the environment, that beats the file, that beats the defaults.
 *
 * @returns a deeply frozen configuration, or every mistake there is in any of them
 */
export function readConfig(input: ConfigInput): ConfigReading {
  const { text = '', fileName = 'narwhal.toml', env = {}, flags = {} } = input
  const file = parseToml(text, fileName)
  const mistakes: Mistake[] = [...file.mistakes]
  function report(mistake: Mistake): void {
    mistakes.push(mistake)
  }

  for (const { path, ...problem } of findUnknownKeys(file.table, fileKeys))
    report({ ...file.place(path), ...problem })
  const layers = [environmentLayer(env), flagLayer(flags)]
  const values = readOptions(options, [fileLayer(file), ...layers], report)
  const upstreams = readUpstreams({ file, layers, known: fileKeys }, report)
  for (const mistake of misspeltVariables(env)) report(mistake)

  if (mistakes.length > 0) return { ok: false, mistakes: mistakes.toSorted(byPlace) }
  return { ok: true, config: deepFreeze({ ...values, upstreams }) }
}

/**
 * Reads a configuration, as readConfig does.
 *
 * @throws AppError BAD_CONFIG that names every mistake, one a line
 */
export function loadConfig(input: ConfigInput): Config {
  const reading = readConfig(input)
  if (reading.ok) return reading.config
  throw new AppError('BAD_CONFIG', formatMistakes(reading.mistakes))
}

/**
 * Finds variables that are almost those of an option.
 *
 * Others are left alone: a container platform sets NARWHAL_PORT and the like of its own accord.
 */
function misspeltVariables(env: NonNullable<ConfigInput['env']>): Mistake[] {
  const prefix = 'NARWHAL_'
  const known = plainOptions.map((option) => variableOf(option).slice(prefix.length))
  return Object.keys(env)
    .filter((key) => key.startsWith(prefix) && !known.includes(key.slice(prefix.length)))
    .flatMap((key) => {
      const name = key.slice(prefix.length)
      const meant = known.find((other) => other.endsWith(`_${name}`)) ?? nearest(name, known)
      if (meant === undefined) return []
      const message = 'unknown variable'
      return [{ source: 'environment', key, message, suggestion: `${prefix}${meant}` }]
    })
}

const sources = ['environment', 'command line']

/** The file first, from top to bottom. */
function byPlace(a: Mistake, b: Mistake): number {
  const bySource = sources.indexOf(a.source) - sources.indexOf(b.source)
  return bySource === 0 ? (a.line ?? 0) - (b.line ?? 0) : bySource
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}
