import { availableParallelism, cpus } from 'node:os'
import { formatSize } from '../src/units.ts'
import type { Series } from './series.ts'
import { formatTable } from './table.ts'

/** All that somebody needs to judge the figures, or to take them again. */
export interface Setting {
  /** YYYY-MM-DD */
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly node: string
  readonly nginx: string
  /** Whether server and load had a core each. */
  readonly pinned: boolean
  /** Load average of the last minute, before the bench began. */
  readonly loadBefore: number
  readonly command: string
  readonly rounds: number
  readonly seconds: number
  readonly narBytes: number
}

/** What this machine adds to a setting. */
export function machineFacts(): Pick<Setting, 'cpu' | 'cores' | 'node'> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: availableParallelism(),
    node: process.versions.node,
  }
}

/** A section of bench/RESULTS.md. */
export function formatReport(setting: Setting, series: readonly Series[]): string {
  const cores = setting.pinned ? 'server on one core, load on another' : 'no core of their own'
  return `## ${setting.date}: ${setting.cpu}, ${setting.cores} cores

Node ${setting.node}, nginx ${setting.nginx}; ${cores}; load average ${setting.loadBefore} before.
\`${setting.command}\`: ${setting.rounds} rounds of ${setting.seconds} s for each figure, NAR of ${formatSize(setting.narBytes)}.

${formatTable(series)}
`
}
