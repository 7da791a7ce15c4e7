import { type CriterionCheck, checkCriteria } from '../criteria.ts'
import type { Machine } from '../machine.ts'
import { code, table } from './markdown.ts'

interface Target {
  /** of the criterion; undefined for what has no target of its own */
  readonly id: CriterionCheck['id'] | undefined
  readonly what: string
  readonly target: string
  /** a command, or a query for Prometheus */
  readonly measure: string
}

/** The success criteria, each with where its figure comes from. */
export const targets: readonly Target[] = [
  {
    id: 'K1',
    what: 'Hit latency, 99 of 100',
    target: '< 100 ms',
    measure: 'histogram_quantile(0.99, sum by (le) (rate(narwhal_hit_seconds_bucket[1d])))',
  },
  {
    id: 'K2',
    what: 'Throughput on gigabit',
    target: '> 800 Mbit/s',
    measure: 'narwhal bench http://cache.lan:5000',
  },
  {
    id: 'K3',
    what: 'Build time against no cache',
    target: '20 to 50 % less',
    measure: 'narwhal experiment start with-cache --command "nix build …"',
  },
  {
    id: 'K4',
    what: 'Responsive while it builds',
    target: 'memory pressure < 10 %, quick shell',
    measure: 'narwhal monitor',
  },
  { id: 'K5', what: 'Uptime', target: '> 99 %', measure: 'avg_over_time(up{job="narwhal"}[30d])' },
  { id: 'K5', what: 'OOM kills', target: '0', measure: 'grep oom_kill /proc/vmstat' },
  {
    id: 'K5',
    what: 'Room on the disk',
    target: 'above cache.min_free',
    measure: 'narwhal_disk_free_bytes / narwhal_disk_min_free_bytes',
  },
  {
    id: 'K5',
    what: 'Comes back by itself',
    target: 'yes, tried',
    measure: 'systemctl kill -s KILL narwhal; narwhal status',
  },
  {
    id: 'K6',
    what: 'Garbage collection automated',
    target: 'a timer',
    measure: 'systemctl list-timers nix-gc',
  },
  {
    id: 'K6',
    what: 'Monitored, with alerts',
    target: 'yes',
    measure: 'curl http://cache.lan:5000/metrics',
  },
  {
    id: 'K6',
    what: 'Documented, with a runbook',
    target: 'this page',
    measure: 'narwhal troubleshoot recovery',
  },
  {
    id: undefined,
    what: 'Hit rate (requests: hits)',
    target: 'rises to a plateau',
    measure: 'narwhal monitor',
  },
]

export function metricsTable(): string {
  return table(
    ['Id', 'Metric', 'Target', 'Where from', 'Baseline', 'Week 1', 'Week 2', 'Month 1'],
    targets.map(({ id, what, target, measure }) => [id ?? '–', what, target, code(measure)]),
  )
}

const stateWords = { met: 'met', missed: 'MISSED', unknown: 'to be measured' } as const

/** What the machine shows of them today. */
export function criteriaTable(machine: Machine): string {
  return table(
    ['Id', 'Criterion', 'Today', 'Seen'],
    checkCriteria(machine, undefined).map(({ id, name, state, statement }) => [
      id,
      name,
      stateWords[state],
      statement.text,
    ]),
  )
}
