import { spreadOf } from '../series.ts'
import { alignTable, formatSpread } from '../table.ts'
import {
  type ClosureRun,
  type Contestant,
  contestants,
  figuresOf,
  type Results,
  type Scenario,
  scenarios,
} from './results.ts'
import { judge, speedUp } from './targets.ts'

const missing = '–'
const names = Object.keys(scenarios) as Scenario[]

/** How long the closure took; medians, with the range of all rounds. */
export function formatTimes(results: Results): string {
  const head = ['seconds', ...contestants, 'direct ÷ narwhal', 'nginx ÷ narwhal']
  const rows = names.map((scenario) => [
    scenarios[scenario],
    ...contestants.map((contestant) => secondsOf(results, scenario, contestant)),
    times(speedUp(results, [scenario, 'narwhal'], [scenario, 'direct'])),
    // Nothing recompresses but narwhal: its baseline is what nginx serves to a second client.
    times(speedUp(results, [scenario, 'narwhal'], [baselineOf(scenario), 'nginx'])),
  ])
  return alignTable(head, rows)
}

interface Cost {
  readonly title: string
  readonly unit: 's' | 'MB'
  read(run: ClosureRun): number | undefined
}

const megabytes = (bytes: number | undefined) => (bytes === undefined ? undefined : bytes / 1e6)
const costs: readonly Cost[] = [
  { title: 'upstream', unit: 'MB', read: (run) => megabytes(run.upstreamBytes) },
  { title: 'client CPU', unit: 's', read: (run) => run.clientCpuSeconds },
  { title: 'server CPU', unit: 's', read: (run) => run.serverCpuSeconds },
  { title: 'other CPU', unit: 's', read: (run) => run.restCpuSeconds },
  { title: 'memory', unit: 'MB', read: (run) => megabytes(run.serverPeakBytes) },
  { title: 'ahead', unit: 'MB', read: (run) => megabytes(run.prefetchedBytes) },
  { title: 'in vain', unit: 'MB', read: (run) => megabytes(run.wastedBytes) },
]

/** What each run cost everybody: medians. */
export function formatCosts(results: Results): string {
  const rows = names.flatMap((scenario) =>
    contestants.flatMap((contestant) => {
      const runs = figuresOf(results, scenario, contestant)
      if (runs.length === 0) return []
      const cells = costs.map(({ read, unit }) => {
        const figures = runs.map(read).filter((figure) => figure !== undefined)
        return figures.length === 0 ? missing : withUnit(spreadOf(figures).median, unit)
      })
      return [[`${scenarios[scenario]}, ${contestant}`, ...cells]]
    }),
  )
  return alignTable(['median', ...costs.map(({ title }) => title)], rows)
}

/** Single files, and narinfos asked for beside the closure. */
export function formatStreams({ streams, hot }: Results): string {
  const row = (title: string, read: (contestant: Contestant) => readonly number[]) => [
    title,
    ...contestants.map((contestant) => spread(read(contestant))),
  ]
  const stream = (contestant: Contestant) => streams.filter((run) => run.contestant === contestant)
  const probe = (contestant: Contestant) => hot.filter((run) => run.contestant === contestant)
  return alignTable(
    ['', ...contestants],
    [
      row('first byte of a cold NAR, ms', (who) => stream(who).map((run) => run.firstByteMs)),
      row('cold large NAR, MB/s', (who) => stream(who).map((run) => run.bytesPerSecond / 1e6)),
      row('hot narinfos alone, p99, ms', (who) => probe(who).map((run) => run.quietP99Ms)),
      row('hot narinfos beside a cold closure, p99, ms', (who) =>
        probe(who).map((run) => run.busyP99Ms),
      ),
    ],
  )
}

export function formatVerdicts(results: Results): string {
  const rows = judge(results).map(({ title, wanted, got, isReached }) => [
    title,
    wanted,
    got ?? missing,
    isReached === undefined ? 'not measured' : isReached ? 'reached' : 'missed',
  ])
  return alignTable(['target', 'wanted', 'got', ''], rows)
}

function baselineOf(scenario: Scenario): Scenario {
  return scenario === 'copyRecompressed' ? 'copyWarm' : scenario
}

function secondsOf(results: Results, scenario: Scenario, contestant: Contestant): string {
  return spread(figuresOf(results, scenario, contestant).map((run) => run.wallMs / 1000))
}

function spread(figures: readonly number[]): string {
  return figures.length === 0 ? missing : formatSpread(figures)
}

function withUnit(value: number, unit: string): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${unit}`
}

function times(factor: number): string {
  return Number.isNaN(factor) ? missing : `${factor.toFixed(2)} ×`
}
