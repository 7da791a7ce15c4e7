/** What was looked at; stable, for programs. */
export const checkNames = [
  // as a client
  'name',
  'connection',
  'proxy',
  'address',
  'store dir',
  'clock',
  'nix',
  'substituters',
  'trusted user',
  'priority',
  'memory',
  'behind',
  'fallback',
  'timeouts',
  'absences',
  'narinfos',
  'key',
  'nar',
  // on the server
  'status',
  'config',
  'data dir',
  'room',
  'lock',
  'port',
  'unit',
  'oom kills',
] as const
export type CheckName = (typeof checkNames)[number]

/** `unchecked` says in `seen` why it could not be looked at; it is neither good nor bad. */
export type CheckState = 'ok' | 'warning' | 'fault' | 'unchecked'

export interface Check {
  readonly name: CheckName
  readonly state: CheckState
  /** a sentence: what was seen, figures in it */
  readonly seen: string
  /** what to do about it */
  readonly todo?: string
  /** to paste or run as they stand */
  readonly lines?: readonly string[]
  /** id of the symptom that tells more: narwhal troubleshoot ID */
  readonly symptom?: string
}

/** What `troubleshoot --auto --json` writes. */
export interface CheckReport {
  /** without a password */
  readonly url: string
  /** why this one: as given, or where it was found */
  readonly urlFrom: string
  /** RFC 3339 */
  readonly at: string
  readonly seconds: number
  /** no check is a fault */
  readonly isWell: boolean
  readonly checks: readonly Check[]
}

type More = Omit<Check, 'name' | 'state' | 'seen'>

export function ok(name: CheckName, seen: string): Check {
  return { name, state: 'ok', seen }
}

export function warning(name: CheckName, seen: string, more: More): Check {
  return { name, state: 'warning', seen, ...more }
}

export function fault(name: CheckName, seen: string, more: More): Check {
  return { name, state: 'fault', seen, ...more }
}

export function unchecked(name: CheckName, why: string): Check {
  return { name, state: 'unchecked', seen: why }
}
