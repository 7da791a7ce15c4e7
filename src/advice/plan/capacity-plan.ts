import type { Machine } from '../machine.ts'
import type { Reasons, Statement, Verdict } from '../verdict.ts'
import { capacityAlternatives } from './capacity-alternatives.ts'
import { type Demand, demandOf } from './demand.ts'
import { fittingBuildsPerDay, fittingDevelopers, fittingKeepDays } from './fitting.ts'
import { type GapRow, gapOf } from './gap.ts'
import { describeAge, type PriceTable } from './price-table.ts'
import {
  type Assumption,
  assumptions,
  type Workload,
  type WorkloadInput,
  workloadOf,
} from './workload.ts'

export interface CapacityQuestion {
  readonly machine: Machine
  readonly given: WorkloadInput
  readonly prices: PriceTable
  /** the day it is asked, as 2026-11-23 */
  readonly today: string
}

/** What `narwhal plan --developers --json` prints. */
export interface CapacityPlan {
  readonly kind: 'capacity'
  readonly workload: Workload
  readonly assumptions: readonly (Assumption & {
    readonly value: number
    readonly isGiven: boolean
  })[]
  readonly demand: Demand
  readonly gap: readonly GapRow[]
  readonly verdict: Verdict
  /** what does fit on this machine as it is */
  readonly fits: { readonly developers: number; readonly buildsPerDay: number }
  readonly currency: string
  readonly prices: {
    readonly asOf: string
    readonly age: string
    readonly source: string
    readonly note?: string
  }
}

/** Days of results that a team can live with: over a weekend. */
const leastKeepDays = 3

/** Answers "can this run the CI of so many developers?". */
export function planCapacity({ machine, given, prices, today }: CapacityQuestion): CapacityPlan {
  const work = workloadOf(given)
  const demand = demandOf(work)
  const gap = gapOf(machine, demand)
  return {
    kind: 'capacity',
    workload: work,
    assumptions: assumptions.map((one) => ({
      ...one,
      value: work[one.key],
      isGiven: given[one.key] !== undefined,
    })),
    demand,
    gap,
    verdict: judge({ machine, given, prices, today }, { work, demand, gap }),
    fits: {
      developers: fittingDevelopers(machine, given),
      buildsPerDay: fittingBuildsPerDay(machine, given),
    },
    currency: prices.currency,
    prices: {
      asOf: prices.asOf,
      age: describeAge(prices, today),
      source: prices.source,
      ...(prices.note !== undefined && { note: prices.note }),
    },
  }
}

function judge(
  { machine, given, prices }: CapacityQuestion,
  found: { work: Workload; demand: Demand; gap: readonly GapRow[] },
): Verdict {
  const { work, demand, gap } = found
  const question = `Can this machine run the CI of ${work.developers} developer${work.developers === 1 ? '' : 's'}?`
  const short = gap.filter(({ isEnough }) => isEnough === false)
  const unknown = gap.filter(({ isEnough }) => isEnough === undefined)
  const conditions = [...fewerDays({ machine, given, work }, short), ...unknown.map(ifKnown)]
  const [first] = conditions
  const isCurable = short.every(({ what }) => what === 'disk') && conditions.length > unknown.length
  if (short.length > 0 && !isCurable)
    return {
      question,
      answer: 'no',
      because: reasons(short),
      instead: capacityAlternatives({ machine, given, work, demand, prices }),
    }
  const because: Reasons = [
    demand.statements.load,
    demand.statements.slots,
    ...gap.map(statementOf),
  ]
  if (first === undefined) return { question, answer: 'yes', because }
  return { question, answer: 'yes, if', because, conditions: [first, ...conditions.slice(1)] }
}

function reasons(short: readonly GapRow[]): Reasons {
  const [first, ...others] = short.map(statementOf)
  return [first as Statement, ...others]
}

function statementOf({ what, needed, has, because, isEnough }: GapRow): Statement {
  const need = inWords(what, needed)
  const text =
    has === undefined
      ? `${need} needed; what there is, is not known.`
      : isEnough
        ? `${need} needed, and there are ${has}: enough.`
        : `${need} needed, and there are ${has}.`
  return { ...because, text }
}

function inWords(what: GapRow['what'], amount: string): string {
  if (what === 'threads') return `${amount} thread${amount === '1' ? ' is' : 's are'}`
  return what === 'delivery' ? `To hand out ${amount} is` : `${amount} of ${what} are`
}

function ifKnown({ what, needed }: GapRow): string {
  return `${what === 'delivery' ? 'it hands out' : `its ${what} is`} at least ${needed}: this machine does not tell`
}

/** A disk that is too small only for the days of results that were asked for. */
function fewerDays(
  { machine, given, work }: { machine: Machine; given: WorkloadInput; work: Workload },
  short: readonly GapRow[],
): string[] {
  if (short.length !== 1 || short[0]?.what !== 'disk') return []
  const days = fittingKeepDays(machine, given)
  if (days < leastKeepDays) return []
  return [`results are kept for ${days} days, not ${work.keepDays}: --delete-older-than ${days}d`]
}
