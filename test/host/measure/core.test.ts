import { expect, test } from 'vitest'
import { measureCore, measureSha256 } from '../../../src/host/measure/core.ts'
import {
  measureLoopback,
  measureLoopbackLatency,
  measureLoopbackRounds,
} from '../../../src/host/measure/loopback.ts'
import { readingOf, takeRounds } from '../../../src/host/measure/rounds.ts'

const order = (more = {}) => ({
  ...{ rounds: 3, budgetMs: 60_000, signal: new AbortController().signal },
  ...more,
})

test('takes as many rounds as there is time for, and one in any case', async () => {
  const taken: number[] = []
  const slow = async (round: number) => {
    taken.push(round)
    const until = performance.now() + 30
    while (performance.now() < until);
    return round
  }
  expect((await takeRounds(slow, order({ budgetMs: 10 }))).rounds).toBe(1)
  expect((await takeRounds(slow, order())).rounds).toBe(3)
  expect(taken).toEqual([0, 0, 1, 2])
})

test('says when its rounds lie too far apart', () => {
  expect(readingOf([90, 100, 110])).toMatchObject({ median: 100, isNoisy: false })
  expect(readingOf([85, 100, 116])).toMatchObject({ isNoisy: true })
})

test('stops when it is told to', async () => {
  const stop = new AbortController()
  const work = () => {
    stop.abort(new Error('enough'))
    return 1
  }
  await expect(measureCore(work, order({ signal: stop.signal }))).rejects.toThrow('enough')
})

test('work that is twice as much has half the rate', async () => {
  const spin = (turns: number) => () => {
    let sum = 0
    for (let turn = 0; turn < turns * 1e6; turn++) sum += turn
    return sum > 0 ? 1e6 : 0
  }
  const [one, two] = [await measureCore(spin(2), order()), await measureCore(spin(4), order())]
  expect(one.median / two.median).toBeGreaterThan(1.5)
  expect(one.median / two.median).toBeLessThan(2.7)
})

test('hashes and carries at rates that machines have', async () => {
  const sha = await measureSha256(order({ rounds: 1 }))
  expect(sha.median).toBeGreaterThan(20e6)
  expect(sha.median).toBeLessThan(20e9)
  for (const rate of [
    await measureLoopback(0.1),
    (await measureLoopbackRounds(order({ rounds: 1 }))).median,
  ]) {
    expect(rate).toBeGreaterThan(1e5)
    expect(rate).toBeLessThan(100e9)
  }
  const { median } = await measureLoopbackLatency(order({ rounds: 1 }))
  expect(median).toBeGreaterThan(0.001)
  expect(median).toBeLessThan(50)
})
