import { describe, expect, test } from 'vitest'
import { NarForecast } from '../../src/policy/nar-forecast.ts'
import type { PathFacts } from '../../src/policy/path-facts.ts'
import { referencesFirst } from '../../src/policy/references-first.ts'

/** Paths of one letter each; "b: a z" refers to a and z; the file of "b" is "b.nar". */
function pathsOf(...lines: string[]): PathFacts[] {
  const paths = lines.map((line) => {
    const [hash = '', ...references] = line.split(/:? /)
    return { hash, references, file: `${hash}.nar`, bytes: 1 } as unknown as PathFacts
  })
  return [...referencesFirst(new Map(paths.map((path) => [path.hash, path])))]
}

/** Everything a forecast would have fetched from now on, in that order. */
function takeAll(forecast: NarForecast): string {
  const taken: string[] = []
  for (let path = forecast.next(); path; path = forecast.next()) {
    taken.push(path.hash)
    forecast.settle(path.hash)
  }
  return taken.join(' ')
}

const namesOf = (paths: readonly PathFacts[]) => paths.map(({ hash }) => hash).join(' ')
const chains = () => pathsOf('a', 'b: a', 'c: b', 'd', 'e: d', 'f: e c')

describe('a forecast', () => {
  test('goes on from the first NAR asked for, references first', () => {
    const forecast = new NarForecast(chains())
    forecast.asked('a.nar')
    expect(takeAll(forecast)).toBe('b c d e f')
  })

  test('takes all below a path asked for to be there', () => {
    const forecast = new NarForecast(chains())
    const { asked, there } = forecast.asked('c.nar')
    expect(asked?.hash).toBe('c')
    expect(namesOf(there)).toBe('b a')
    expect(namesOf(forecast.asked('f.nar').there)).toBe('e d')
    expect(takeAll(forecast)).toBe('')
  })

  test('tells what comes next, fetched or not, without taking it for fetched', () => {
    const forecast = new NarForecast(pathsOf('a', 'b', 'c', 'd', 'e', 'f'))
    forecast.asked('b.nar')
    forecast.settle('c' as PathFacts['hash'])
    expect(namesOf(forecast.coming(3))).toBe('c d e')
    forecast.asked('e.nar')
    expect(namesOf(forecast.coming(3))).toBe('f')
    expect(takeAll(forecast)).toBe('f')
    expect(namesOf(new NarForecast(chains()).coming(2))).toBe('a b')
  })

  test('leaves out what a client that goes in order has passed over', () => {
    const forecast = new NarForecast(pathsOf('a', 'b', 'c', 'd'))
    forecast.asked('b.nar')
    expect(takeAll(forecast)).toBe('c d')
    expect(namesOf(forecast.asked('d.nar').passed)).toBe('c')
  })

  test('expects everything from a client that goes back', () => {
    const forecast = new NarForecast(pathsOf('a', 'b', 'c', 'd', 'e'))
    forecast.asked('c.nar')
    forecast.asked('b.nar')
    expect(takeAll(forecast)).toBe('a d e')
    expect(namesOf(forecast.asked('e.nar').passed)).toBe('')
  })

  test('a NAR asked for again, and one nobody foretold, teach nothing', () => {
    const forecast = new NarForecast(chains())
    forecast.asked('d.nar')
    expect(forecast.asked('d.nar').asked).toBeUndefined()
    expect(forecast.asked('z.nar').asked).toBeUndefined()
    expect(takeAll(forecast)).toBe('e f')
  })

  test('a later one knows what was asked for before', () => {
    const before = new NarForecast(pathsOf('b', 'd'))
    before.asked('d.nar')
    const forecast = new NarForecast(pathsOf('b', 'c', 'd', 'e'), before)
    expect(takeAll(forecast)).toBe('e')
    forecast.asked('b.nar')
    expect(takeAll(forecast)).toBe('c')
  })
})

test('a client that fetches many at once gets what refers to nothing first, then what refers to that', () => {
  const forecast = new NarForecast(pathsOf('a', 'b: a', 'c: b c', 'd', 'e: d a', 'f', 'g: c e'))
  forecast.asked('d.nar')
  forecast.asked('a.nar')
  expect(takeAll(forecast)).toBe('f b e c g')
})
