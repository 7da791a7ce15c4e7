import { describe, expect, test } from 'vitest'
import {
  isWorthLanes,
  LaneTrial,
  LineGauge,
  laneBytes,
  maxLanes,
  mayGain,
  tellsOfLine,
} from '../../src/policy/lanes.ts'
import { MiB } from '../../src/units.ts'

test('less than 32 MiB to come, or a line of 25 MB/s, needs no lanes', () => {
  expect(isWorthLanes(32 * MiB)).toBe(true)
  expect(isWorthLanes(32 * MiB - 1)).toBe(false)
  expect(mayGain(24_999)).toBe(true)
  expect(mayGain(25_000)).toBe(false)
})

test('a line is judged for few clients, not for none and not in a crowd', () => {
  expect([0, 1, 4, 5, 200].map(tellsOfLine)).toEqual([false, true, true, false, false])
})

describe('one connection', () => {
  test('is measured for a second, without its first moments', () => {
    const gauge = new LineGauge()
    gauge.note(1, 250)
    for (let at = 0; at < 9; at += 1) gauge.note(50_000, 100)
    expect(gauge.bytesPerMs).toBeUndefined()
    gauge.note(50_000, 100)
    expect(gauge.bytesPerMs).toBe(500)
  })

  test('is measured anew after a reset', () => {
    const gauge = new LineGauge()
    gauge.note(1, 250)
    gauge.note(50_000, 1_000)
    gauge.reset()
    expect(gauge.bytesPerMs).toBeUndefined()
    gauge.note(1, 250)
    gauge.note(70_000, 1_000)
    expect(gauge.bytesPerMs).toBe(70)
  })
})

describe('a trial', () => {
  /** A first round, which counts for nothing, and a second at this rate. */
  function trialAt(bytesPerMs: number): LaneTrial {
    const trial = new LaneTrial(1_000)
    trial.note(maxLanes * laneBytes, 1)
    for (let lane = 0; lane < maxLanes; lane += 1) {
      expect(trial.isWon).toBeUndefined()
      trial.note(laneBytes, laneBytes / bytesPerMs)
    }
    return trial
  }

  test('is won by a rate 1.3 times as high, measured over the second round', () => {
    expect(trialAt(1_301).isWon).toBe(true)
    expect(trialAt(1_299).isWon).toBe(false)
    expect(trialAt(4_000).gain).toBeCloseTo(4)
  })
})
