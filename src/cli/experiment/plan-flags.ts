import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { leastRounds } from '../../advice/experiment/comparison.ts'
import type { MeasurePlan } from '../../advice/experiment/journal.ts'
import { AppError, isAppError } from '../../errors.ts'
import { isStoreHash, parseBaseName } from '../../nix/store-path.ts'

/** What is to be measured, as the flags say it. */
export interface PlanFlags {
  readonly measure?: readonly MeasureSet[]
  readonly command?: string
  readonly prepare?: string
  readonly warmups: number
  readonly url?: URL
  readonly path?: readonly string[]
  readonly seconds: number
  readonly directory: string
  readonly rounds: number
}

const sets = ['machine', 'cache', 'command'] as const
type MeasureSet = (typeof sets)[number]

export function addPlanFlags(command: Command): Command {
  return command
    .option(
      '--measure <SET,…>',
      'machine, cache, command (default: what --url and --command ask for, else machine)',
      setList,
    )
    .option('--command <LINE>', 'time this command of the shell; what it prints is thrown away')
    .option('--prepare <LINE>', 'run this before each round of --command, without timing it')
    .option('--warmups <N>', 'rounds of --command that do not count', whole(0), 1)
    .option('--url <URL>', 'measure this binary cache, as narwhal bench does', address)
    .option('--path <PATH>', 'a store path, or its hash, to ask the cache for (repeatable)', path)
    .option('--seconds <N>', 'length of one measurement of the cache', seconds, 0.5)
    .option('--directory <DIR>', 'on the disk that "machine" measures', '.')
    .option(
      '--rounds <N>',
      `how often each is measured, at least ${leastRounds}`,
      whole(leastRounds),
      5,
    )
}

/** @throws AppError BAD_USAGE when a set lacks what it needs */
export function planFrom(flags: PlanFlags): MeasurePlan {
  const { command: line, url } = flags
  const asked = [url && 'cache', line && 'command'].filter((set) => set !== undefined)
  const chosen = new Set<string>(flags.measure ?? (asked.length > 0 ? asked : ['machine']))
  for (const set of asked) chosen.add(set as string)
  if (chosen.has('cache') && url === undefined)
    throw new AppError('BAD_USAGE', '--measure cache needs the address of the cache: --url URL')
  if (chosen.has('command') && line === undefined)
    throw new AppError('BAD_USAGE', '--measure command needs the command: --command LINE')
  const { prepare, warmups, rounds } = flags
  return {
    rounds,
    ...(chosen.has('machine') && { machine: { directory: resolve(flags.directory) } }),
    ...(url && { cache: { url: url.href, paths: flags.path ?? [], seconds: flags.seconds } }),
    ...(line !== undefined && {
      command: {
        line,
        ...(prepare !== undefined && { prepare }),
        directory: resolve('.'),
        warmups,
      },
    }),
  }
}

function setList(text: string): readonly MeasureSet[] {
  return text.split(',').map((word) => {
    const set = sets.find((one) => one === word.trim())
    if (set !== undefined) return set
    throw new InvalidArgumentError(`Give one or more of ${sets.join(', ')}.`)
  })
}

function address(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('Give a URL such as http://cache.lan:5000.')
  if (url.username !== '' || url.password !== '')
    throw new InvalidArgumentError('Leave the login out: the journal would keep it.')
  return url
}

function path(text: string, earlier: readonly string[] = []): readonly string[] {
  if (isStoreHash(text)) return [...earlier, text]
  try {
    return [...earlier, parseBaseName(text.slice(text.lastIndexOf('/') + 1)).hash]
  } catch (error) {
    if (!isAppError(error)) throw error
    throw new InvalidArgumentError('Give a store path, or the 32 characters of its hash.')
  }
}

function seconds(text: string): number {
  const number = Number(text)
  if (number >= 0.05 && number <= 60) return number
  throw new InvalidArgumentError('Give a number from 0.05 to 60.')
}

function whole(least: number) {
  return (text: string): number => {
    const number = Number(text)
    if (/^\d{1,3}$/.test(text) && number >= least) return number
    throw new InvalidArgumentError(`Give a whole number from ${least} to 999.`)
  }
}
