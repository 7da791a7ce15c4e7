import type { BudgetPlan, Purchase, Return } from '../../advice/plan/budget-plan.ts'
import type { Part } from '../../advice/plan/part.ts'
import { formatMoney } from '../../advice/plan/price-table.ts'
import { dearest, type PartChoice, type Upgrade } from '../../advice/plan/upgrade.ts'
import { roleTexts } from '../../advice/roles.ts'
import {
  alternativeLines,
  headingLines,
  statementLines,
  tableLines,
  verdictLines,
  wrap,
} from '../sidecar/print-advice.ts'
import { priceLines } from './price-lines.ts'

const mostRows = 8

/** A plan for a budget, for people. */
export function budgetLines(plan: BudgetPlan): string[] {
  const { best, next, currency, budgetCents } = plan
  return [
    ...verdictLines(plan.verdict),
    ...(plan.verdict.answer === 'no'
      ? []
      : [
          ...headingLines('Costs nothing, so first'),
          ...plan.free.flatMap((measure) => alternativeLines(measure)),
        ]),
    ...(plan.returns.length > 0 ? returnLines(plan) : []),
    ...(best ? purchaseLines(best, plan) : []),
    ...(next ? nextLines(next, { currency, budgetCents }) : []),
    ...(plan.notAdvised.length > 0 ? headingLines('Not advised') : []),
    ...plan.notAdvised.flatMap((statement) => statementLines(statement)),
    ...priceLines(plan.prices),
  ]
}

function returnLines({ returns, currency, role, budgetCents }: BudgetPlan): string[] {
  const rows = returns
    .slice(0, mostRows)
    .map((one) => [
      one.upgrade.title,
      `${formatMoney(one.upgrade.priceCents, currency)}${one.isWithinBudget ? '' : ' *'}`,
      one.gainPer100.toFixed(1),
      changesOf(one),
    ])
  const counts = `${role === 'proxy' ? '' : 'compile processes, and '}NARs handed out up to a gigabit`
  const text = `How often 100 ${currency} of each would double what counts for a ${role} (${roleTexts[role]}): ${counts}.`
  return [
    ...headingLines('Return for the money, each by itself'),
    ...wrap(text, { indent: '  ' }),
    ...tableLines(['upgrade', 'price', 'return', 'changes'], rows),
    ...(returns.some(({ isWithinBudget }) => !isWithinBudget)
      ? [`  * more than ${formatMoney(budgetCents, currency)}`]
      : []),
  ]
}

/** "jobs 1 → 3, 12 → 118 MB/s": a unit that both have is said once. */
function changesOf({ effects }: Return): string {
  return effects
    .flatMap(({ what, before, after }) => {
      if (what === 'slots') return [`jobs ${before} → ${after}`]
      const [from, unit] = before.split(' ')
      const isSame = unit !== undefined && after.endsWith(` ${unit}`)
      return what === 'delivery' ? [`${isSame ? from : before} → ${after}`] : []
    })
    .join(', ')
}

function purchaseLines(best: Purchase, { currency, returns }: BudgetPlan): string[] {
  const left = best.leftCents > 0 ? `, ${formatMoney(best.leftCents, currency)} left` : ''
  return [
    ...headingLines(`Buy, in this order: ${formatMoney(best.priceCents, currency)}${left}`),
    ...togetherLines(best, returns),
    ...best.upgrades.flatMap((upgrade, at) => upgradeLines(upgrade, at, currency)),
    ...headingLines('Foretold'),
    ...best.effects.flatMap((effect) => statementLines(effect)),
    ...headingLines('How to get there'),
    ...best.migration.flatMap((step, at) =>
      wrap(step, { first: `${String(at + 1).padStart(4)}. `, indent: '      ' }),
    ),
  ]
}

/** Of two parts that bound each other, neither helps alone. */
function togetherLines({ upgrades }: Purchase, returns: readonly Return[]): string[] {
  const alone = returns.map(({ upgrade }) => upgrade.title)
  const lame = upgrades.filter(({ title }) => !alone.includes(title)).map(({ title }) => title)
  if (lame.length === 0 || upgrades.length === 1) return []
  const text = `${lame.join(' and ')}: of use only with the rest, since each alone leaves another part as the bound.`
  return wrap(text, { indent: '  ' })
}

function upgradeLines(upgrade: Upgrade, at: number, currency: string): string[] {
  const price = formatMoney(upgrade.priceCents, currency)
  return [
    ...wrap(`${upgrade.title}: ${price}`, { first: `  ${at + 1}. `, indent: '     ' }),
    ...upgrade.parts.flatMap((choice) => choiceLines(choice, currency)),
    ...upgrade.cautions.flatMap((caution) =>
      statementLines(caution, { indent: '     ', bullet: '!' }),
    ),
  ]
}

function choiceLines(choice: PartChoice, currency: string): string[] {
  if (choice.options.length === 1) return partLines(dearest(choice), currency, '     ')
  return [
    '     one of these; which, the machine decides:',
    ...choice.options.flatMap((part) => partLines(part, currency, '       ')),
  ]
}

function partLines(part: Part, currency: string, indent: string): string[] {
  const used = part.isUsed ? ', second-hand' : ''
  const text = `${part.name}, ${formatMoney(part.priceCents, currency)}${used}: such as ${part.models.join(', ')}`
  return wrap(text, { first: `${indent}– `, indent: `${indent}  ` })
}

function nextLines(
  next: Purchase,
  { currency, budgetCents }: { readonly currency: string; readonly budgetCents: number },
): string[] {
  const more = formatMoney(next.priceCents - budgetCents, currency)
  const what = next.upgrades.map(({ title }) => title).join(' and ')
  return [
    ...headingLines(`With ${more} more`),
    ...wrap(`${what}, ${formatMoney(next.priceCents, currency)} in all:`, { indent: '  ' }),
    ...next.effects.flatMap((effect) => statementLines(effect, { isBrief: true })),
  ]
}
