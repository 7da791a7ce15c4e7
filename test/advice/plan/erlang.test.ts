import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { meanWait, serversFor, waitingChance } from '../../../src/advice/plan/erlang.ts'

/** Chance to wait = last / (sum of those before + last), with load^n / n! as the terms. */
function bySum(servers: number, load: number): number {
  let term = 1
  let before = 0
  for (let n = 0; n < servers; n += 1) {
    before += term
    term *= load / (n + 1)
  }
  const last = (term * servers) / (servers - load)
  return last / (before + last)
}

describe('Erlang C', () => {
  test('one server makes half of them wait when it is busy half of the time; two, a third at load 1', () => {
    expect(waitingChance(1, 0.5)).toBeCloseTo(0.5)
    expect(waitingChance(2, 1)).toBeCloseTo(1 / 3)
  })

  test('is what the sum of its definition gives', () => {
    for (const [servers, load] of [
      [3, 2.5],
      [5, 3.2],
      [10, 8],
      [20, 16],
      [60, 51],
    ] as const)
      expect(waitingChance(servers, load)).toBeCloseTo(bySum(servers, load), 9)
  })

  test('nobody waits where nothing comes; all wait where more comes than can be done', () => {
    expect(waitingChance(0, 0)).toBe(0)
    expect(waitingChance(3, 3)).toBe(1)
    expect(meanWait(1, 0, 10)).toBe(0)
    expect(meanWait(3, 3, 10)).toBe(Number.POSITIVE_INFINITY)
  })

  test('one server waits as M/M/1 does: load × duration / (1 − load)', () => {
    expect(meanWait(1, 0.5, 12)).toBeCloseTo(12)
    expect(meanWait(1, 0.9, 10)).toBeCloseTo(90)
  })
})

describe('servers for a load', () => {
  const wanted = fc.record({
    load: fc.double({ min: 0.001, max: 500, noNaN: true }),
    duration: fc.double({ min: 1, max: 600, noNaN: true }),
    mostWait: fc.double({ min: 0.1, max: 60, noNaN: true }),
  })

  test('are enough, and one fewer would not be', () => {
    fc.assert(
      fc.property(wanted, ({ load, duration, mostWait }) => {
        const servers = serversFor(load, { duration, mostWait })
        expect(meanWait(servers, load, duration)).toBeLessThanOrEqual(mostWait * (1 + 1e-9))
        expect(meanWait(servers - 1, load, duration)).toBeGreaterThan(mostWait * (1 - 1e-9))
      }),
    )
  })

  test('never get fewer as the load grows', () => {
    fc.assert(
      fc.property(wanted, fc.double({ min: 0, max: 50, noNaN: true }), (given, more) => {
        const { load, ...limits } = given
        expect(serversFor(load + more, limits)).toBeGreaterThanOrEqual(serversFor(load, limits))
      }),
    )
  })

  test('are none for no load', () => {
    expect(serversFor(0, { duration: 10, mostWait: 1 })).toBe(0)
  })
})
