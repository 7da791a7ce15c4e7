import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recompressionBytes } from '../../src/policy/recompression.ts'
import { type MomentFacts, mayWorkNow } from '../../src/policy/recompression-pause.ts'
import { GiB, MiB } from '../../src/units.ts'

const quiet: MomentFacts = {
  wasWorking: true,
  cores: 2,
  workers: 1,
  level: 3,
  clientsWaiting: 0,
  availableBytes: 2 * GiB,
  cpuPercent: 0,
  memoryPercent: 0,
  loadAverage: 0,
  onBattery: undefined,
}
const paused = { ...quiet, wasWorking: false }
const silent: MomentFacts = {
  ...quiet,
  availableBytes: undefined,
  cpuPercent: undefined,
  memoryPercent: undefined,
  loadAverage: undefined,
}

test('works on a quiet machine, whether it worked before or not', () => {
  expect(mayWorkNow(quiet)).toEqual({ mayWork: true })
  expect(mayWorkNow(paused)).toEqual({ mayWork: true })
})

test('works where the machine tells nothing', () => {
  expect(mayWorkNow(silent)).toEqual({ mayWork: true })
  expect(mayWorkNow({ ...silent, wasWorking: false })).toEqual({ mayWork: true })
})

test.each<[Partial<MomentFacts>, string]>([
  [{ clientsWaiting: 1 }, 'clients are downloading, or were a moment ago'],
  [{ clientsWaiting: 7 }, 'clients are downloading, or were a moment ago'],
  [{ onBattery: true }, 'the machine runs on its battery'],
  [{ availableBytes: 100 * MiB }, '100 MiB of memory is available, and it takes 128 MiB'],
  [
    { availableBytes: 150 * MiB, wasWorking: false },
    '150 MiB of memory is available, and it takes 187 MiB',
  ],
  [{ memoryPercent: 12.5 }, 'programs wait for memory 12.5 % of the time'],
  [{ cpuPercent: 55.5 }, 'programs wait for a CPU 55.5 % of the time'],
  [{ cpuPercent: undefined, loadAverage: 4 }, 'the load is 4 on 2 cores'],
  [{ cpuPercent: undefined, loadAverage: 2, cores: 1 }, 'the load is 2 on 1 core'],
])('pauses at %j and says why', (facts, reason) => {
  expect(mayWorkNow({ ...quiet, ...facts })).toEqual({ mayWork: false, reason })
})

test('clients that wait do not count where there are cores for all', () => {
  const atWork = { ...quiet, clientsWaiting: 3 }
  expect(mayWorkNow({ ...atWork, cores: 2.9 }).mayWork).toBe(false)
  expect(mayWorkNow({ ...atWork, cores: 3 }).mayWork).toBe(true)
  expect(mayWorkNow({ ...atWork, cores: 3, workers: 2 }).mayWork).toBe(false)
  expect(mayWorkNow({ ...atWork, cores: 4, workers: 2 }).mayWork).toBe(true)
})

test('works on a plug, and where there is no battery to tell by', () => {
  expect(mayWorkNow({ ...quiet, onBattery: false }).mayWork).toBe(true)
  expect(mayWorkNow({ ...quiet, onBattery: undefined }).mayWork).toBe(true)
})

test('leaves 128 MiB, and goes on only when what it needs is there besides', () => {
  const at = (availableBytes: number, wasWorking: boolean) =>
    mayWorkNow({ ...quiet, level: 9, workers: 2, cores: 4, availableBytes, wasWorking }).mayWork
  expect(at(128 * MiB, true)).toBe(true)
  expect(at(128 * MiB - 1, true)).toBe(false)
  const enough = 128 * MiB + 2 * recompressionBytes(9)
  expect(at(enough, false)).toBe(true)
  expect(at(enough - 1, false)).toBe(false)
})

describe.each<[keyof MomentFacts, Partial<MomentFacts>, { stop: number; resume: number }]>([
  ['cpuPercent', {}, { stop: 40, resume: 10 }],
  ['memoryPercent', {}, { stop: 10, resume: 5 }],
  ['loadAverage', { cpuPercent: undefined }, { stop: 3, resume: 1.5 }],
])('%s', (name, rest, { stop, resume }) => {
  const at = (figure: number, wasWorking: boolean) =>
    mayWorkNow({ ...quiet, ...rest, [name]: figure, wasWorking }).mayWork

  test('stops above one figure, and goes on at a lower one', () => {
    expect(at(stop, true)).toBe(true)
    expect(at(stop + 0.01, true)).toBe(false)
    expect(at(resume, false)).toBe(true)
    expect(at(resume + 0.01, false)).toBe(false)
  })

  test('does not flap while it stays between the two', () => {
    for (const wasWorking of [true, false]) {
      let state = wasWorking
      for (const figure of [resume + 0.01, stop, (resume + stop) / 2, stop, resume + 0.01])
        state = at(figure, state)
      expect(state).toBe(wasWorking)
    }
  })
})

test('the load stops nobody where the kernel tells of pressure, but holds back who paused', () => {
  // a machine busy to its last core feels no pressure once we pause
  const busy = { ...quiet, loadAverage: 4, cpuPercent: 2 }
  expect(mayWorkNow(busy).mayWork).toBe(true)
  expect(mayWorkNow({ ...busy, wasWorking: false }).mayWork).toBe(false)
})

test('more cores or memory, or less of what is in the way, never turn on into off', () => {
  const percent = fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { nil: undefined })
  const facts: fc.Arbitrary<MomentFacts> = fc.record({
    wasWorking: fc.boolean(),
    cores: fc.double({ min: 0.5, max: 8, noNaN: true }),
    workers: fc.integer({ min: 1, max: 4 }),
    level: fc.integer({ min: 1, max: 19 }),
    clientsWaiting: fc.integer({ min: 0, max: 2 }),
    availableBytes: fc.option(fc.integer({ min: 0, max: GiB }), { nil: undefined }),
    cpuPercent: percent,
    memoryPercent: percent,
    loadAverage: percent,
    onBattery: fc.constantFrom(true, false, undefined),
  })
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(facts, share, (facts, share) => {
      const less = (figure: number | undefined) =>
        figure === undefined ? undefined : figure * share
      const easier: MomentFacts[] = [
        { ...facts, cores: facts.cores / Math.max(share, 0.01) },
        { ...facts, availableBytes: facts.availableBytes && facts.availableBytes + share * GiB },
        { ...facts, cpuPercent: less(facts.cpuPercent) },
        { ...facts, memoryPercent: less(facts.memoryPercent) },
        { ...facts, loadAverage: less(facts.loadAverage) },
        { ...facts, clientsWaiting: Math.floor(facts.clientsWaiting * share) },
        { ...facts, onBattery: false },
        { ...facts, wasWorking: true },
      ]
      if (mayWorkNow(facts).mayWork)
        for (const one of easier) expect(mayWorkNow(one)).toEqual({ mayWork: true })
    }),
    { numRuns: 2000 },
  )
})
