import type { CapacityPlan } from '../../advice/plan/capacity-plan.ts'
import type { Assumption } from '../../advice/plan/workload.ts'
import { formatShare } from '../../advice/rates.ts'
import { formatSize } from '../../units.ts'
import {
  headingLines,
  paintOut,
  statementLines,
  tableLines,
  verdictLines,
  wrap,
} from '../sidecar/print-advice.ts'
import { priceLines } from './price-lines.ts'

/** A plan for a team, for people. */
export function capacityLines(plan: CapacityPlan): string[] {
  const { load, slots, memory, threads, disk, growth, network } = plan.demand.statements
  return [
    ...verdictLines(plan.verdict, { isBrief: true }),
    ...headingLines('What it needs, and what this machine has'),
    ...tableLines(
      ['', 'needed', 'here', ''],
      plan.gap.map(({ what, needed, has, isEnough }) => [
        what,
        needed,
        has ?? 'unknown',
        isEnough === undefined ? 'measure it' : isEnough ? 'enough' : 'too little',
      ]),
    ),
    ...headingLines('How that comes about'),
    ...[load, slots, memory, threads, disk, growth, network].flatMap((statement) =>
      statementLines(statement),
    ),
    ...headingLines('What it carries as it is'),
    ...wrap(fitsText(plan), { indent: '  ' }),
    ...headingLines('Assumed; change what is wrong'),
    ...plan.assumptions.flatMap(({ flag, value, unit, what, why, isGiven }) => [
      ...wrap(`${flag} ${formatValue(value, unit)}: ${what}`, { indent: '      ', first: '  ' }),
      ...(isGiven ? [] : wrap(why, { indent: '      ' }).map((line) => paintOut('dim', line))),
    ]),
    ...(plan.verdict.answer === 'no' ? priceLines(plan.prices) : []),
  ]
}

function fitsText({ fits, workload }: CapacityPlan): string {
  const { developers } = fits
  if (developers >= workload.developers) return `All ${developers} developers, as assumed below.`
  if (developers === 0) return 'The builds of no developer: let it serve, and build elsewhere.'
  return `${developers} of ${workload.developers} developers; or all of them with ${fits.buildsPerDay} builds a day each.`
}

function formatValue(value: number, unit: Assumption['unit']): string {
  if (unit === 'bytes') return formatSize(value)
  if (unit === 'share') return formatShare(value)
  return unit === '' ? String(value) : `${value} ${unit}`
}
