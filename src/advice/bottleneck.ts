import type { Alternative, Statement } from './verdict.ts'

/** fault: wrong now; warning: soon wrong, or badly set up; limit: how fast this hardware goes. */
export const severities = ['fault', 'warning', 'limit'] as const
export type Severity = (typeof severities)[number]

export type Part = 'memory' | 'disk' | 'network' | 'cpu'

/** Something that holds this machine back. */
export interface Bottleneck {
  /** stable, for programs: "oom-kills", "wifi", "hdd" */
  readonly id: string
  readonly part: Part
  readonly severity: Severity
  readonly statement: Statement
  /** what to do about it, the best first */
  readonly actions: readonly [Alternative, ...Alternative[]]
}
