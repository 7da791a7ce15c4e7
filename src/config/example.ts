import type { Option, OptionTree } from './option.ts'
import { isOption, optionsOf, variableOf } from './option.ts'
import { options, upstreamOptions, upstreamUrls } from './options.ts'

const preface =
  'Every option of narwhal, with its default. None is needed: without a file narwhal listens on port 5000 in front of cache.nixos.org. Flags beat environment variables, which beat this file. Lists in variables stand between commas or spaces. SIGHUP makes a running narwhal read this file anew. narwhal check-config --config FILE finds every mistake.'
const width = 100

/** Writes config/narwhal.toml: a configuration that says in full what holds without one. */
export function printExample(): string {
  return `${[
    comment(preface),
    ...Object.values<Option<unknown> | OptionTree>(options).filter(isOption).map(printOption),
    ...tables(options),
    printUpstream(),
  ].join('\n\n')}\n`
}

function tables(tree: OptionTree): string[] {
  return Object.values(tree).flatMap((node) => {
    if (isOption(node)) return []
    const [first, ...others] = optionsOf(node).map(printOption)
    const table = optionsOf(node)[0]?.key.split('.')[0]
    return [`[${table}]\n${first}`, ...others]
  })
}

function printUpstream(): string {
  const intro = `${comment(upstreamUrls.text)}\n${ways(upstreamUrls)}\n[[${upstreamUrls.key}]]`
  const keys = optionsOf(upstreamOptions).map((o) => `${comment(o.text)}\n${assignment(o)}`)
  return `${intro}\n${keys.join('\n\n')}`
}

function printOption(option: Option<unknown>): string {
  return `${comment(option.text)}\n${ways(option)}\n${assignment(option)}`
}

/** What has no default and may be left out stands there as a comment. */
function assignment(option: Option<unknown>): string {
  const name = option.key.split('.').at(-1)
  const given = option.default ?? option.example
  const optional = option.default === undefined && option !== upstreamOptions.url
  return `${optional ? '#' : ''}${name} = ${literal(given)}`
}

/** The other ways to give an option, its variable and its flag, and when it takes effect. */
function ways(option: Option<unknown>): string {
  const { flag } = option
  const times = flag?.repeatable ? ', which may be repeated' : ''
  const names = [variableOf(option), flag && `--${flag.name} ${flag.value}${times}`]
  const restart = option.needsRestart ? '; a change takes a restart' : ''
  return comment(`${names.filter(Boolean).join(' or ')}${restart}`)
}

/** A value as TOML, which writes strings, whole numbers and lists of strings just as JSON does. */
function literal(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(literal).join(', ')}]` : JSON.stringify(value)
}

/** Breaks a paragraph into comment lines. */
function comment(paragraph: string): string {
  const lines: string[] = []
  let line = '#'
  for (const word of paragraph.split(' ')) {
    if (line.length + 1 + word.length > width) {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return [...lines, line].join('\n')
}
