import { expect, test } from 'vitest'
import { bandNames, bandOf, bandStatement, bands } from '../../src/advice/bands.ts'
import { GiB } from '../../src/units.ts'

test('bands exclude each other and leave no gap', () => {
  expect(bands.map(({ name }) => name)).toEqual(bandNames)
  expect(bands[0]?.fromBytes).toBe(0)
  for (const [at, band] of bands.entries())
    expect(band.belowBytes).toBe(bands[at + 1]?.fromBytes ?? Number.POSITIVE_INFINITY)
})

test.each([
  ['512 MB', 0.5, 'experimental'],
  ['just under 1 GB less firmware', 0.8749, 'experimental'],
  ['1 GB less firmware', 0.875, 'proxy-only'],
  ['1 GB', 1, 'proxy-only'],
  ['just under 2 GB less firmware', 1.7499, 'proxy-only'],
  ['2 GB less firmware', 1.75, 'single-job'],
  ['a virtual machine with 2 GB', 1.92, 'single-job'],
  ['3 GB', 3, 'single-job'],
  ['just under 4 GB less firmware', 3.4999, 'single-job'],
  ['4 GB less firmware', 3.5, 'small-builder'],
  ['4 GB with graphics in memory', 3.7, 'small-builder'],
  ['just under 8 GB less firmware', 6.9999, 'small-builder'],
  ['8 GB less firmware', 7, 'builder'],
  ['64 GB', 64, 'builder'],
] as const)('%s falls into its band', (_, gib, name) => {
  expect(bandOf(gib * GiB).name).toBe(name)
})

test('a band is said with the bounds the memory was held against', () => {
  const { text, formula } = bandStatement(3.7 * GiB)
  expect(text).toContain('3.7 GiB of memory counts as "4 to 8 GB"')
  expect(formula).toContain('3.5 GiB ≤ 3.7 GiB < 7.0 GiB')
  expect(bandStatement(16 * GiB).formula).toContain('16 GiB ≥ 7.0 GiB')
})
