import { describe, expect, test } from 'vitest'
import { type Ballot, chooseAnswer, type Standing } from '../../src/policy/upstream-choice.ts'

const ballots = (...list: [Standing, number][]): Ballot[] =>
  list.map(([standing, priority]) => ({ standing, priority }))

describe('choosing among upstreams asked at once', () => {
  test('a find waits for a better upstream that has not answered', () => {
    const waiting = ballots(['waiting', 10], ['found', 40])
    expect(chooseAnswer(waiting, false)).toEqual({ kind: 'wait' })
    expect(chooseAnswer(waiting, true)).toEqual({ kind: 'found', at: 1 })
  })

  test('a find does not wait for an equal or worse upstream', () => {
    expect(chooseAnswer(ballots(['waiting', 40], ['found', 40]), false)).toEqual({
      kind: 'found',
      at: 1,
    })
    expect(chooseAnswer(ballots(['found', 10], ['waiting', 40]), false)).toEqual({
      kind: 'found',
      at: 0,
    })
  })

  test('the best of several finds wins', () => {
    const all = ballots(['found', 40], ['absent', 1], ['found', 10])
    expect(chooseAnswer(all, false)).toEqual({ kind: 'found', at: 2 })
  })

  test('absent only when every upstream said so', () => {
    expect(chooseAnswer(ballots(['absent', 1], ['absent', 2]), false)).toEqual({ kind: 'absent' })
    expect(chooseAnswer(ballots(['absent', 1], ['fault', 2]), false)).toEqual({ kind: 'unknown' })
    expect(chooseAnswer(ballots(['absent', 1], ['waiting', 2]), false)).toEqual({ kind: 'wait' })
    expect(chooseAnswer([], false)).toEqual({ kind: 'absent' })
  })

  test('a fault elsewhere does not spoil a find', () => {
    expect(chooseAnswer(ballots(['fault', 1], ['found', 40]), false)).toEqual({
      kind: 'found',
      at: 1,
    })
  })
})
