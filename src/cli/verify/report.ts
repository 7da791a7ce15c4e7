import { basename } from 'node:path'
import type { Finding } from '../../proxy/verify-cache.ts'
import { formatSize } from '../../units.ts'
import { exitCodes, paint, print, printJson, tell } from '../output.ts'
import type { Outcome } from './refetch.ts'

/** A finding, and how its repair ended where one was tried. */
export interface Settled {
  readonly finding: Finding
  readonly outcome: Outcome | undefined
}

export interface Result {
  readonly settled: readonly Settled[]
  readonly files: number
  readonly bytes: number
  readonly isComplete: boolean
}

export interface ReportFlags {
  readonly json?: boolean
  readonly repair?: boolean
}

/** Writes what was found and what became of it, and sets the exit code. */
export function report({ settled, files, bytes, isComplete }: Result, flags: ReportFlags) {
  const count = (kind: Outcome['kind']) =>
    settled.filter(({ outcome }) => outcome?.kind === kind).length
  const damaged = settled.filter(({ finding }) => finding.kind === 'damaged').length
  const [repaired, lost, unreachable] = [count('repaired'), count('lost'), count('unreachable')]
  const aside = count('aside')
  if (flags.json) {
    const counts = { damaged, repaired, lost, unreachable, aside }
    printJson({ isComplete, files, bytes, ...counts, findings: settled.map(listed) })
  } else for (const each of settled) print(described(each))
  const outcomes = [
    [repaired, 'fetched again'],
    [lost, 'lost'],
    [unreachable, 'deleted, to be fetched when asked for'],
    [aside, 'set aside'],
  ] as const
  const parts = outcomes.filter(([number]) => number > 0).map((words) => words.join(' '))
  const what = parts.length > 0 ? ` (${parts.join(', ')})` : ''
  const sum = `${damaged} damaged${what} of ${files} files, ${formatSize(bytes)} read`
  tell(paint(damaged > repaired ? 'red' : 'green', sum, process.stderr))
  const command = `narwhal verify${flags.repair ? ' --repair' : ''} --continue`
  if (!isComplete) tell(`interrupted: "${command}" goes on from here`)
  if (damaged > repaired || !isComplete) process.exitCode = exitCodes.no
}

function listed({ finding: { kind, file, why }, outcome }: Settled) {
  const fault = outcome && outcome.kind !== 'repaired' ? { fault: outcome.why } : {}
  return { kind, file, why, ...(outcome ? { outcome: outcome.kind, ...fault } : {}) }
}

function described({ finding: { kind, file, why }, outcome }: Settled): string {
  return `${kind}: ${file}: ${why}${outcome ? `; ${consequence(outcome, file)}` : ''}`
}

function consequence(outcome: Outcome, file: string): string {
  if (outcome.kind === 'repaired') return 'fetched again'
  if (outcome.kind === 'lost') return `lost: ${outcome.why}`
  if (outcome.kind === 'aside')
    return `it was pushed here, push it again; what there is of it is in quarantine/, as ${basename(file)}: ${outcome.why}`
  return `deleted, to be fetched when asked for: ${outcome.why}`
}
