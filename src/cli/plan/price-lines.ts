import { headingLines, wrap } from '../sidecar/print-advice.ts'

/** Where the prices are from, and how old they are: never without. */
export function priceLines(prices: {
  readonly age: string
  readonly source: string
  readonly note?: string
}): string[] {
  const note = prices.note === undefined ? '' : ` ${prices.note}`
  const text = `Prices were ${prices.age}: ${prices.source}.${note} Look up what you mean to buy; config/prices.toml is there to be edited, or give --prices FILE.`
  return [...headingLines('Prices are not today’s'), ...wrap(text, { indent: '  ' })]
}
