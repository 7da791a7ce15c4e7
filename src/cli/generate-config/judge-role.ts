import type { Machine } from '../../advice/machine.ts'
import { judgeRole } from '../../advice/role-verdict.ts'
import type { Role } from '../../advice/roles.ts'

/** Whether a machine will do for what its configuration is wanted for, in sentences. */
export interface Judgement {
  readonly answer: 'yes' | 'yes, if' | 'no'
  /** what has to hold, or why not */
  readonly reasons: readonly string[]
  /** with a no: what will work */
  readonly instead: readonly string[]
}

/**
 * Judges a machine for a role, in short: `narwhal assess` says it in full.
 *
 * @param buildsElsewhere another machine builds for this one: too little memory for builds is then
 * no reason against it
 */
export function judgeForConfig(
  machine: Machine,
  { role, buildsElsewhere }: { role: Role; buildsElsewhere: boolean },
): Judgement {
  const verdict = judgeRole(machine, role)
  if (verdict.answer === 'yes, if')
    return { answer: 'yes, if', reasons: verdict.conditions, instead: [] }
  if (verdict.answer === 'yes' || (role === 'builder' && buildsElsewhere))
    return { answer: 'yes', reasons: [], instead: [] }
  const [{ text }] = verdict.because
  return { answer: 'no', reasons: [text], instead: verdict.instead.map(({ text }) => text) }
}
