import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PriceTable } from '../../../src/advice/plan/price-table.ts'
import { readPrices } from '../../../src/advice/plan/read-prices.ts'

/** The price table that comes with narwhal. */
export function ownPrices(): PriceTable {
  const file = join(import.meta.dirname, '../../../config/prices.toml')
  const reading = readPrices(readFileSync(file, 'utf8'), 'config/prices.toml')
  if (!reading.ok) throw new Error('config/prices.toml is wrong')
  return reading.table
}

/** A day some time after its prices were noted. */
export const today = '2026-11-23'
