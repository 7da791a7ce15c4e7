import type { Part } from './part.ts'

/** Prices somebody noted on a day; never told as today's. */
export interface PriceTable {
  /** the day, as 2026-02-15 */
  readonly asOf: string
  /** where the prices are from */
  readonly source: string
  /** what to know about them, said with each plan */
  readonly note: string | undefined
  /** three letters, as USD */
  readonly currency: string
  /** what one unit of `currency` was worth in others on that day */
  readonly rates: Readonly<Record<string, number>>
  readonly parts: readonly Part[]
}

const dayMs = 86_400_000

/**
 * How old prices are.
 *
 * @param today a day as 2026-11-23
 * @returns days; negative when the table says it is from the future
 */
export function ageInDays({ asOf }: Pick<PriceTable, 'asOf'>, today: string): number {
  return Math.round((Date.parse(today) - Date.parse(asOf)) / dayMs)
}

/** Says how old prices are: "noted 2026-02-15, 281 days ago". */
export function describeAge(table: Pick<PriceTable, 'asOf'>, today: string): string {
  const days = ageInDays(table, today)
  if (days < 0) return `dated ${table.asOf}, which is yet to come: mend as_of`
  if (days === 0) return `noted ${table.asOf}, today`
  return `noted ${table.asOf}, ${days} day${days === 1 ? '' : 's'} ago`
}

/**
 * The table in another currency, at the rates it gives itself; rounded up to whole units, so that
 * what fits a budget really does.
 *
 * @returns undefined when the table has no rate for it
 */
export function inCurrency(table: PriceTable, currency: string): PriceTable | undefined {
  if (currency === table.currency) return table
  const rate = table.rates[currency]
  if (rate === undefined || !Object.hasOwn(table.rates, currency)) return undefined
  const parts = table.parts.map((part) => ({
    ...part,
    priceCents: Math.ceil((part.priceCents * rate) / 100) * 100,
  }))
  return { ...table, currency, rates: {}, parts }
}

/** All currencies a table can be read in, its own first. */
export function currenciesOf(table: PriceTable): string[] {
  return [table.currency, ...Object.keys(table.rates)]
}

/** Writes money: "40 USD", "12.50 USD". */
export function formatMoney(cents: number, currency: string): string {
  const amount = cents % 100 === 0 ? String(cents / 100) : (cents / 100).toFixed(2)
  return `${amount} ${currency}`
}
