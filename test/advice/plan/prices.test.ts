import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { partKinds } from '../../../src/advice/plan/part.ts'
import {
  ageInDays,
  currenciesOf,
  describeAge,
  formatMoney,
  inCurrency,
  type PriceTable,
} from '../../../src/advice/plan/price-table.ts'
import { readPrices } from '../../../src/advice/plan/read-prices.ts'
import { formatMistakes } from '../../../src/config/mistake.ts'
import { GiB } from '../../../src/units.ts'

const own = readFileSync(join(import.meta.dirname, '../../../config/prices.toml'), 'utf8')

const head = 'as_of = 2026-02-15\ncurrency = "USD"\nsource = "noted by hand"\n'
const cable = '[[part]]\nkind = "cable"\nname = "cable"\nmodels = ["any"]\nprice = 5\n'

function tableOf(toml: string): PriceTable {
  const reading = readPrices(toml, 'p.toml')
  if (!reading.ok) throw new Error(formatMistakes(reading.mistakes))
  return reading.table
}

function mistakesOf(toml: string): string[] {
  const reading = readPrices(toml, 'p.toml')
  return reading.ok ? [] : formatMistakes(reading.mistakes).split('\n')
}

describe('the price table that comes with narwhal', () => {
  const table = tableOf(own)

  test('P4: is sound, dated, and says where its prices are from', () => {
    expect(table.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    expect(table.source.length).toBeGreaterThan(10)
    expect(table.currency).toBe('USD')
  })

  test('has parts of every kind, each with examples of models', () => {
    expect(new Set(table.parts.map(({ kind }) => kind))).toEqual(new Set(partKinds))
    for (const { name, models } of table.parts) expect(models.length, name).toBeGreaterThan(0)
  })

  test('more of a kind never costs less', () => {
    for (const kind of ['sata-ssd', 'usb-ssd', 'nvme', 'memory'] as const) {
      const parts = table.parts.flatMap((part) =>
        part.kind === kind ? [{ ...part, form: part.kind === 'memory' ? part.form : '' }] : [],
      )
      for (const small of parts)
        for (const large of parts)
          if (small.form === large.form && small.totalBytes < large.totalBytes)
            expect(large.priceCents, large.name).toBeGreaterThan(small.priceCents)
    }
  })
})

describe('reading a price table', () => {
  test('takes prices in hundredths, sizes in bytes, days as text', () => {
    const memory =
      '[[part]]\nkind = "memory"\nname = "8"\nmodels = ["x"]\nprice = 12.5\nused = true\nsize = "8GiB"\nform = "ddr4-dimm"\n'
    const table = tableOf(
      `${head.replace('2026-02-15', '"2026-02-15"')}[rates]\nEUR = 0.5\n${memory}`,
    )
    expect(table).toMatchObject({ asOf: '2026-02-15', rates: { EUR: 0.5 }, note: undefined })
    expect(table.parts).toEqual([
      {
        kind: 'memory',
        name: '8',
        models: ['x'],
        priceCents: 1250,
        isUsed: true,
        form: 'ddr4-dimm',
        totalBytes: 8 * GiB,
      },
    ])
  })

  test('P4: names every mistake at once, each with its line', () => {
    const wrong = `as_of = "2026-02-30"
currency = "dollars"
sauce = "x"

[rates]
eur = 0.9
GBP = -1

[[part]]
kind = "memory"
name = "a"
models = "one"
price = "40"
form = "ddr4"
size = "8"

[[part]]
kind = "cabel"
name = "b"
models = ["x"]
price = 5.001

[[part]]
kind = "machine"
name = "a"
models = ["x"]
price = 0
memory = "8GiB"
threads = 2.5
colour = "blue"
`
    expect(mistakesOf(wrong).map((line) => line.split(': ').slice(0, 2).join(' '))).toEqual([
      'p.toml source',
      'p.toml:1 as_of',
      'p.toml:2 currency',
      'p.toml:3 sauce',
      'p.toml:6 rates.eur',
      'p.toml:7 rates.GBP',
      'p.toml:12 part[0].models',
      'p.toml:13 part[0].price',
      'p.toml:14 part[0].form',
      'p.toml:15 part[0].size',
      'p.toml:18 part[1].kind',
      'p.toml:21 part[1].price',
      'p.toml:23 part[2].disk',
      'p.toml:25 part[2].name',
      'p.toml:27 part[2].price',
      'p.toml:29 part[2].threads',
      'p.toml:30 part[2].colour',
    ])
  })

  test('says what was probably meant', () => {
    const [line] = mistakesOf(`${head}${cable.replace('"cable"\nname', '"cabel"\nname')}`)
    expect(line).toContain('did you mean "cable"?')
    const [key] = mistakesOf(`${head}curency = "USD"\n${cable}`.replace('currency = "USD"\n', ''))
    expect(key).toContain('currency: is missing')
    expect(mistakesOf(`${head}${cable}pric = 5\n`).join()).toContain('did you mean price?')
  })

  test.each([
    ['broken TOML', `${head}[[part]\n${cable}`, 'p.toml:4'],
    ['no parts', head, 'there is no [[part]]'],
    ['parts that are no tables', `${head}part = 5\n`, 'expected tables [[part]]'],
    ['rates that are no table', `${head}rates = 2\n${cable}`, 'expected the table [rates]'],
    ['nothing at all', '', 'as_of: is missing; it is a day'],
  ])('refuses %s', (_, toml, said) => {
    expect(mistakesOf(toml).join('\n')).toContain(said)
  })

  test('__proto__ is a name like any other', () => {
    expect(mistakesOf(`${head}${cable}__proto__ = 1\n`).join()).toContain('unknown key')
  })
})

describe('prices in time and in other currencies', () => {
  const table = tableOf(`${head}[rates]\nEUR = 0.5\n${cable}`)

  test.each([
    ['2026-02-15', 0, 'noted 2026-02-15, today'],
    ['2026-02-16', 1, 'noted 2026-02-15, 1 day ago'],
    ['2026-11-23', 281, 'noted 2026-02-15, 281 days ago'],
    ['2026-02-14', -1, 'dated 2026-02-15, which is yet to come: mend as_of'],
  ])('on %s they are %i days old, and it is said', (today, days, text) => {
    expect(ageInDays(table, today)).toBe(days)
    expect(describeAge(table, today)).toBe(text)
  })

  test('a rate of the table converts, rounded up; no other does', () => {
    expect(currenciesOf(table)).toEqual(['USD', 'EUR'])
    expect(inCurrency(table, 'USD')).toBe(table)
    expect(inCurrency(table, 'EUR')?.parts[0]?.priceCents).toBe(300)
    expect(inCurrency(table, 'EUR')?.currency).toBe('EUR')
    expect(inCurrency(table, 'CHF')).toBeUndefined()
    expect(inCurrency(table, 'constructor')).toBeUndefined()
  })

  test('money is written with cents only where there are any', () => {
    expect([formatMoney(4000, 'USD'), formatMoney(1250, 'EUR')]).toEqual(['40 USD', '12.50 EUR'])
  })
})
