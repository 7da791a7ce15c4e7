import { expect, test } from 'vitest'
import {
  afterFailedProbe,
  afterFault,
  type Breaker,
  closedBreaker,
} from '../../src/policy/breaker.ts'

const faults = (count: number, now: number): Breaker => {
  let breaker = closedBreaker
  for (let at = 0; at < count; at += 1) breaker = afterFault(breaker, now)
  return breaker
}

test('opens at the third fault in a row, not before', () => {
  expect(faults(2, 100).state).toBe('closed')
  expect(faults(3, 100)).toEqual({ state: 'open', since: 100, probeAt: 1100, probes: 0 })
})

test('further faults do not move the hour it opened', () => {
  expect(afterFault(faults(3, 100), 5000)).toEqual(faults(3, 100))
})

test('opens at once, for as long as asked, when the upstream wants to be left alone', () => {
  expect(afterFault(closedBreaker, 0, 20_000)).toMatchObject({ state: 'open', probeAt: 20_000 })
  expect(afterFault(closedBreaker, 0, 0)).toMatchObject({ probeAt: 1000 })
  expect(afterFault(closedBreaker, 0, 86_400_000)).toMatchObject({ probeAt: 60_000 })
})

test('failed probes come twice as far apart each time, up to half a minute', () => {
  let breaker = faults(3, 0)
  const pauses: number[] = []
  for (let at = 0; at < 7; at += 1) {
    breaker = afterFailedProbe(breaker, 0)
    if (breaker.state === 'open') pauses.push(breaker.probeAt)
  }
  expect(pauses).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
})

test('an upstream that asks a probe for patience is left alone for as long', () => {
  const probed = (ms: number) => afterFailedProbe(faults(3, 0), 0, ms)
  expect(probed(20_000)).toMatchObject({ probeAt: 20_000 })
  expect(probed(86_400_000)).toMatchObject({ probeAt: 60_000 })
  expect(probed(10)).toMatchObject({ probeAt: 2000 })
})
