import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { formatMistakes } from '../config/mistake.ts'
import { optionsOf } from '../config/option.ts'
import { options, upstreamUrls } from '../config/options.ts'
import { type ConfigReading, readConfig } from '../config/read-config.ts'
import { AppError, messageOf } from '../errors.ts'

/** What a command line says about the configuration. */
export interface ConfigSource {
  /** path of the TOML file; without one, defaults, environment and flags make the configuration */
  readonly config?: string | undefined
  /** as commander gives them: command.opts() */
  readonly flags: Readonly<Record<string, unknown>>
}

/** Adds --config and a flag for every option that has one. */
export function addConfigFlags(command: Command): Command {
  command.option('--config <FILE>', 'configuration in TOML; config/narwhal.toml shows every option')
  for (const { flag, text } of [...optionsOf(options), upstreamUrls]) {
    if (!flag) continue
    const name = `--${flag.name} <${flag.value}>`
    const sentence = firstSentence(text)
    if (flag.repeatable) command.option(name, `${sentence} (repeatable)`, collect)
    else command.option(name, sentence)
  }
  return command
}

/**
 * Reads file, environment and flags.
 *
 * @throws AppError CONFIG_UNREADABLE when the file cannot be read at all
 */
export function readConfigFrom({ config, flags }: ConfigSource): ConfigReading {
  const text = config === undefined ? undefined : readText(config)
  return readConfig({ text, fileName: config, env: process.env, flags })
}

/**
 * Reads file, environment and flags into a frozen configuration.
 *
 * @throws AppError BAD_CONFIG that names every mistake, one a line; BAD_USAGE when only flags are
 * wrong; CONFIG_UNREADABLE
 */
export function loadConfigFrom(source: ConfigSource): Config {
  const reading = readConfigFrom(source)
  if (reading.ok) return reading.config
  const { mistakes } = reading
  const onlyFlags = mistakes.every((mistake) => mistake.source === 'command line')
  throw new AppError(onlyFlags ? 'BAD_USAGE' : 'BAD_CONFIG', formatMistakes(mistakes))
}

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (cause) {
    const reason = cause instanceof TypeError ? 'it is not UTF-8 text' : messageOf(cause)
    throw new AppError('CONFIG_UNREADABLE', `cannot read ${path}: ${reason}`, { cause })
  }
}

/** In lower case, as help texts of flags are. */
function firstSentence(text: string): string {
  const [sentence = ''] = text.split(/\.(?= |$)/)
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
