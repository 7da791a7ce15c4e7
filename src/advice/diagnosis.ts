import type { Bottleneck } from './bottleneck.ts'
import { findBottlenecks } from './bottlenecks.ts'
import { type CriterionCheck, checkCriteria } from './criteria.ts'
import { findGaps, type Gap } from './gaps.ts'
import type { Machine } from './machine.ts'
import { type Recommendation, recommend } from './recommendations.ts'
import { findSlowness, type Slowness } from './slowness.ts'
import type { Upkeep } from './upkeep.ts'

/** What `narwhal diagnose --json` prints. */
export interface Diagnosis {
  /** as --machine reads it; what is not known is left out */
  readonly machine: Machine
  /** where the machine is known from: "this machine", a file, "given by hand" */
  readonly source: string
  /** what starts by itself; of this machine only */
  readonly upkeep?: Upkeep | undefined
  /** what could not be seen, why, and what shows it */
  readonly gaps: readonly Gap[]
  /** worst first */
  readonly bottlenecks: readonly Bottleneck[]
  readonly recommendations: readonly Recommendation[]
  /** the success criteria, as far as a machine shows them */
  readonly criteria: readonly CriterionCheck[]
  /** with --slow: where the time goes */
  readonly slowness?: Slowness
  /** whether something is wrong now; the exit code is then 1 */
  readonly needsAction: boolean
}

export interface DiagnosisFacts {
  readonly machine: Machine
  readonly source: string
  readonly upkeep: Upkeep | undefined
  /** looks for where the time goes, too */
  readonly isSlow: boolean
}

/** Says all there is to say of a machine. */
export function diagnose({ machine, source, upkeep, isSlow }: DiagnosisFacts): Diagnosis {
  const bottlenecks = findBottlenecks(machine)
  return {
    machine,
    source,
    upkeep,
    gaps: findGaps(machine),
    bottlenecks,
    recommendations: recommend(machine, upkeep),
    criteria: checkCriteria(machine, upkeep),
    ...(isSlow && { slowness: findSlowness(machine) }),
    needsAction: bottlenecks.some(({ severity }) => severity === 'fault'),
  }
}
