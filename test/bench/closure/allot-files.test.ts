import { expect, test } from 'vitest'
import { allotFiles } from '../../../bench/closure/allot-files.ts'
import { seededRandom } from '../../../src/cli/demo/random.ts'

const files = Array.from({ length: 3000 }, (_, place) => ({
  path: `/usr/lib/${place}`,
  bytes: 100 + ((place * 7919) % 50_000),
}))
const wanted = [20_000, 2_000_000, 300_000, 5_000]

const allot = (seed: string, from = files) => allotFiles(from, wanted, seededRandom(seed))

test('each package gets about what it wants, and never more', () => {
  for (const [place, chosen] of allot('a').entries()) {
    const bytes = chosen.reduce((sum, file) => sum + file.bytes, 0)
    expect(bytes / (wanted[place] as number)).toBeGreaterThan(0.9)
    expect(bytes).toBeLessThanOrEqual(wanted[place] as number)
  }
})

test('no file goes to two packages', () => {
  const paths = allot('a')
    .flat()
    .map(({ path }) => path)
  expect(new Set(paths).size).toBe(paths.length)
})

test('a package is not made of very many very small files', () => {
  const [, big = []] = allot('a')
  expect(Math.min(...big.map(({ bytes }) => bytes))).toBeGreaterThan(2_000_000 / 65)
})

test('the order in which the files were found does not matter, the seed does', () => {
  expect(allot('a', files.toReversed())).toEqual(allot('a'))
  expect(allot('b')).not.toEqual(allot('a'))
})

test('where files run out, packages stay smaller', () => {
  expect(allotFiles([], [10, 20], seededRandom('a'))).toEqual([[], []])
})
