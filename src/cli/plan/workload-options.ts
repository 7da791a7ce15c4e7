import { type Command, InvalidArgumentError } from 'commander'
import {
  type Assumption,
  assumptions,
  type Workload,
  workloadOf,
} from '../../advice/plan/workload.ts'
import { AppError, isAppError } from '../../errors.ts'
import { parseSize } from '../../units.ts'

/** What the flags of a workload come to, as commander gives them: --builds-per-day is buildsPerDay. */
export type WorkloadFlags = Readonly<Partial<Record<string, unknown>>> & {
  readonly developers?: number
}

const values: Readonly<Record<Assumption['unit'], string>> = {
  '': 'N',
  minutes: 'MINUTES',
  hours: 'HOURS',
  days: 'DAYS',
  share: 'SHARE',
  bytes: 'SIZE',
}
/** More would be no team any more, but a slip of the finger. */
const most: Readonly<Partial<Record<keyof Workload, number>>> = {
  developers: 100_000,
  buildsPerDay: 10_000,
  buildMinutes: 10_080,
  hoursPerDay: 24,
  waitMinutes: 10_080,
  jobsPerBuild: 1024,
  fetches: 1_000_000,
  keepDays: 3650,
  workDays: 31,
}
/** Counts of things that cannot be had by halves. */
const whole: ReadonlySet<keyof Workload> = new Set([
  'developers',
  'jobsPerBuild',
  'fetches',
  'keepDays',
])
const mostBuildsAtOnce = 100_000

/** Adds a flag for each assumption about a team. */
export function addWorkloadOptions(command: Command): void {
  for (const assumption of assumptions) {
    const { flag, what, unit } = assumption
    const text = flag === '--developers' ? 'whether it can run the CI of so many: 10' : what
    command.option(`${flag} <${values[unit]}>`, text, (given: string) => read(given, assumption))
  }
}

/**
 * The workload the flags give; undefined without --developers.
 *
 * @throws AppError BAD_USAGE for figures that contradict each other
 */
export function workloadFrom(
  flags: WorkloadFlags,
): (Partial<Workload> & { readonly developers: number }) | undefined {
  const given = Object.fromEntries(
    assumptions.flatMap(({ key, flag }) => {
      const value = flags[nameOf(flag)]
      return value === undefined ? [] : [[key, value]]
    }),
  ) as Partial<Workload>
  const { developers } = given
  if (developers === undefined) {
    const [stray] = Object.keys(given)
    const flag = assumptions.find(({ key }) => key === stray)?.flag
    if (flag !== undefined) throw new AppError('BAD_USAGE', `${flag} goes with --developers`)
    return undefined
  }
  const input = { ...given, developers }
  const contradiction = contradictionIn(workloadOf(input))
  if (contradiction !== undefined) throw new AppError('BAD_USAGE', contradiction)
  return input
}

function contradictionIn(work: Workload): string | undefined {
  const { developers, buildsPerDay, peakShare, buildMinutes, hoursPerDay } = work
  // Rounded, so that 12.5 % of 8 hours pass.
  if (peakShare * hoursPerDay < 0.999)
    return `--peak-share ${peakShare}: of ${hoursPerDay} hours the busiest has at least ${(100 / hoursPerDay).toFixed(1)} %`
  if ((developers * buildsPerDay * peakShare * buildMinutes) / 60 > mostBuildsAtOnce)
    return `--developers ${developers}: that would be more than ${mostBuildsAtOnce} builds at once`
  return undefined
}

/** As commander names it: "--builds-per-day" → buildsPerDay. */
function nameOf(flag: string): string {
  return flag.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function read(text: string, { key, unit }: Assumption): number {
  if (unit === 'bytes') return size(text)
  if (unit === 'share') return share(text)
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  const limit = most[key] ?? Number.POSITIVE_INFINITY
  const isFine = value > 0 && value <= limit && (!whole.has(key) || Number.isInteger(value))
  if (isFine) return value
  const kind = whole.has(key) ? 'a whole number' : 'a number'
  throw new InvalidArgumentError(`Give ${kind} above 0, up to ${limit}.`)
}

function size(text: string): number {
  try {
    const bytes = parseSize(text)
    if (bytes > 0) return bytes
  } catch (error) {
    if (!isAppError(error, 'BAD_SIZE')) throw error
  }
  throw new InvalidArgumentError('Give a size such as 2G or 500MiB.')
}

function share(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text)
  const value = match ? Number(match[1]) / (match[2] ? 100 : 1) : Number.NaN
  if (value > 0 && value <= 1) return value
  throw new InvalidArgumentError('Give a share such as 20% or 0.2.')
}
