import type { Assessment } from '../assess.ts'
import { resultText } from '../experiment/decision-log.ts'
import { type Experiment, resultOf } from '../experiment/experiments.ts'
import type { Setting } from '../setting.ts'
import { code, table } from './markdown.ts'

/** A row of the log that does not come from arithmetic. */
export interface Decision {
  /** as 2026-11-23 */
  readonly day: string
  readonly what: string
  readonly decision: string
  readonly why: string
  readonly status: 'decided' | 'open'
}

/** What the journal of experiments says, one row each. */
export function decisionsOf(experiments: readonly Experiment[]): Decision[] {
  return experiments.map((experiment) => {
    const { name, change, startedAt, decision } = experiment
    const result = resultOf(experiment)
    const seen =
      result === undefined ? 'not measured after the change' : resultText(result.comparisons)
    return {
      day: (decision?.at ?? startedAt).slice(0, 10),
      what: name,
      decision: `${change}: ${decision === undefined ? 'not decided' : decision.kind === 'keep' ? 'kept' : 'reverted'}`,
      why: [decision?.because, seen].filter(Boolean).join('; '),
      status: decision === undefined ? 'open' : 'decided',
    }
  })
}

/** As many settings of each kind as a person reads; generate-config writes all of them. */
const settingsShown = 3
const emptyRows = 3

/** Decisions the machine itself suggests, those of the journal, and room for more. */
export function decisionTable(
  { role, verdict, settings }: Assessment,
  { date, decisions }: { date: string; decisions: readonly Decision[] },
): string {
  const proposed = [settings.nix, settings.narwhal, settings.system].flatMap((some) =>
    some.slice(0, settingsShown),
  )
  const rows: (readonly string[])[] = [
    [date, 'Role of this machine', role, verdict.because[0].text, 'proposed'],
    ...proposed.map((setting) => [
      date,
      setting.key,
      valueText(setting),
      reasonOf(setting),
      'proposed',
    ]),
    ...decisions.map(({ day, what, decision, why, status }) => [day, what, decision, why, status]),
    ...Array.from({ length: emptyRows }, () => []),
  ]
  const numbered = rows.map((row, at) => [`D-${String(at + 1).padStart(3, '0')}`, ...row])
  return table(['No.', 'Date', 'About', 'Decision', 'Because', 'Status'], numbered)
}

function valueText({ key, value }: Setting): string {
  return code(`${key} = ${String(value)}`)
}

function reasonOf({ because: { text, formula } }: Setting): string {
  return formula === undefined ? text : `${text} (${formula})`
}
