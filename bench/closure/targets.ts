import { spreadOf } from '../series.ts'
import { type Contestant, figuresOf, type Results, type Scenario } from './results.ts'

/** What narwhal is to reach, and what it did. */
export interface Verdict {
  readonly title: string
  readonly wanted: string
  /** The figure; undefined when it was not measured. */
  readonly got: string | undefined
  readonly isReached: boolean | undefined
}

interface Target {
  readonly title: string
  readonly unit: '×' | 'ms' | '%'
  readonly is: 'at least' | 'at most'
  readonly value: number
  figure(results: Results): number
}

const warmNginx = ['copyWarm', 'nginx'] as const

const targets: readonly Target[] = [
  timesAsFast('nix copy, cold, as fast as direct', 5, ['copyCold', 'direct'], 'copyCold'),
  timesAsFast('nix copy, cold, as fast as nginx', 5, ['copyCold', 'nginx'], 'copyCold'),
  timesAsFast('nix-store -r, cold, as fast as direct', 1, ['realiseCold', 'direct'], 'realiseCold'),
  timesAsFast('nix-store -r, cold, as fast as nginx', 1.3, ['realiseCold', 'nginx'], 'realiseCold'),
  timesAsFast('nix copy, recompressed, as fast as nginx warm', 4, warmNginx, 'copyRecompressed'),
  {
    ...({ title: 'first byte of a cold NAR, later than direct', unit: 'ms' } as const),
    ...({ is: 'at most', value: 5 } as const),
    figure: ({ streams }) => {
      const firstByteMs = (contestant: Contestant) =>
        median(streams.filter(by(contestant)).map((run) => run.firstByteMs))
      return firstByteMs('narwhal') - firstByteMs('direct')
    },
  },
  {
    ...({ title: 'cold large NAR, throughput of direct', unit: '×' } as const),
    ...({ is: 'at least', value: 0.9 } as const),
    figure: ({ streams }) => {
      const rate = (contestant: Contestant) =>
        median(streams.filter(by(contestant)).map((run) => run.bytesPerSecond))
      return rate('narwhal') / rate('direct')
    },
  },
  {
    ...({ title: 'hot narinfos, p99 beside a cold closure, more than alone', unit: 'ms' } as const),
    ...({ is: 'at most', value: 2 } as const),
    figure: ({ hot }) =>
      median(hot.filter(by('narwhal')).map((run) => run.busyP99Ms - run.quietP99Ms)),
  },
  {
    ...({ title: 'fetched ahead and never asked for', unit: '%' } as const),
    ...({ is: 'at most', value: 5 } as const),
    figure: ({ closures }) => {
      const runs = closures.filter((run) => run.prefetchedBytes !== undefined)
      const sum = (part: 'prefetchedBytes' | 'wastedBytes') =>
        runs.reduce((total, run) => total + (run[part] ?? 0), 0)
      return (sum('wastedBytes') / sum('prefetchedBytes')) * 100
    },
  },
]

/** Holds results against all targets. */
export function judge(results: Results): Verdict[] {
  return targets.map(({ title, unit, is, value, figure }) => {
    const wanted = `${is === 'at least' ? '≥' : '≤'} ${value} ${unit}`
    const got = figure(results)
    if (!Number.isFinite(got)) return { title, wanted, got: undefined, isReached: undefined }
    const isReached = is === 'at least' ? got >= value : got <= value
    return { title, wanted, got: `${got.toFixed(2)} ${unit}`, isReached }
  })
}

/** The median time of a run as a multiple of another's; NaN when one of them is missing. */
export function speedUp(
  results: Results,
  [scenario, contestant]: readonly [Scenario, Contestant],
  [other, otherContestant]: readonly [Scenario, Contestant],
): number {
  const wallMs = (name: Scenario, who: Contestant) =>
    median(figuresOf(results, name, who).map((run) => run.wallMs))
  return wallMs(other, otherContestant) / wallMs(scenario, contestant)
}

function timesAsFast(
  title: string,
  value: number,
  baseline: readonly [Scenario, Contestant],
  scenario: Scenario,
): Target {
  const figure = (results: Results) => speedUp(results, [scenario, 'narwhal'], baseline)
  return { title, unit: '×', is: 'at least', value, figure }
}

function by(contestant: Contestant) {
  return (run: { readonly contestant: Contestant }) => run.contestant === contestant
}

function median(figures: readonly number[]): number {
  return spreadOf(figures).median
}
