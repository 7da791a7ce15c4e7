import type { BudgetPlan } from '../plan/budget-plan.ts'
import { formatMoney } from '../plan/price-table.ts'
import type { Upgrade } from '../upgrade.ts'
import { list, table } from './markdown.ts'

const emptyRows = 2
const shownRows = 4

/** What to buy, with what it brings; and which sign asks for which part. */
export function upgradeParts(
  upgrade: Upgrade,
  plan: BudgetPlan | undefined,
  day: string,
): string[] {
  const rows = plan === undefined ? [] : planRows(plan, day)
  const empty = Array.from({ length: emptyRows }, () => [])
  const prices =
    plan === undefined
      ? ''
      : `Prices ${plan.prices.age}; ${plan.prices.source}. Look them up before you buy.`
  return [
    upgrade.because.text,
    table(
      ['What', 'What it brings', 'Price about', 'When', 'Before', 'After'],
      [...rows, ...empty],
    ),
    prices,
    'What asks for an upgrade, in this order:',
    list([
      'OOM kills: memory. Until then fewer jobs and zram.',
      'Disk at 100 % for hours, or failing: an SSD.',
      'WiFi or 100 Mbit/s between the machines: a cable, about $5.',
      'Processor at 100 % for hours, and builds are waited for: a second builder, or a faster machine.',
      'None of these: spend nothing.',
    ]),
  ]
}

/** The most the money buys, what a little more would, then what else helps by itself. */
function planRows(
  { best, next, returns, currency, budgetCents }: BudgetPlan,
  day: string,
): string[][] {
  const money = (cents: number) => formatMoney(cents, currency)
  const when = (cents: number) =>
    cents <= budgetCents ? day : `later: above ${money(budgetCents)}`
  const bought = [best, next].filter((purchase) => purchase !== undefined)
  const together = bought.map(({ upgrades, priceCents, effects }) => [
    upgrades.map(({ title }) => title).join(' and '),
    effects.map(({ text }) => text).join(' '),
    money(priceCents),
    when(priceCents),
  ])
  const named = new Set(together.map(([title]) => title))
  const alone = returns
    .filter(({ upgrade: { title } }) => !named.has(title))
    .map(({ upgrade: { title, priceCents }, effects }) => [
      title,
      effects.map(({ text }) => text).join(' '),
      money(priceCents),
      when(priceCents),
    ])
  return [...together, ...alone].slice(0, shownRows)
}
