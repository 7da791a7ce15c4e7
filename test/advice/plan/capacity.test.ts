import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describedMachine } from '../../../src/advice/described-machine.ts'
import type { Machine } from '../../../src/advice/machine.ts'
import { type CapacityPlan, planCapacity } from '../../../src/advice/plan/capacity-plan.ts'
import { demandOf } from '../../../src/advice/plan/demand.ts'
import {
  assumptions,
  type Workload,
  type WorkloadInput,
  workloadOf,
} from '../../../src/advice/plan/workload.ts'
import { GiB } from '../../../src/units.ts'
import { machines } from '../../support/machines.ts'
import { ownPrices, today } from './own-prices.ts'

const prices = ownPrices()

function plan(machine: Machine, given: WorkloadInput): CapacityPlan {
  return planCapacity({ machine, given, prices, today })
}

const said = (value: unknown) => JSON.stringify(value)

const large = describedMachine({
  cpu: { cores: 16 },
  memory: { totalBytes: 62 * GiB },
  disks: [{ kind: 'nvme', totalBytes: 1e12, freeBytes: 900e9 }],
  links: [{ kind: 'ethernet', bitsPerSecond: 1e9, duplex: 'full' }],
})

describe('what ten developers need', () => {
  const work = workloadOf({ developers: 10 })
  const demand = demandOf(work)

  test('P5: Little: 10 × 8 builds × 20 % an hour × 12 minutes are 3.2 at once', () => {
    expect(demand.concurrentBuilds).toBeCloseTo(3.2)
    expect(demand.statements.load.formula).toContain('× 12 min / 60 = 3.2')
  })

  test('Erlang C: 5 slots, so that one waits less than 3 minutes; 4 would not do', () => {
    expect(demand.slots).toBe(5)
    expect(demand.statements.slots.formula).toContain(
      '1.92 min on average ≤ 3 min; with 4: 8.95 min',
    )
  })

  test('memory: 1 GiB + 0.3 GiB + 5 × 2 GiB', () => {
    expect(demand.memoryBytes).toBeCloseTo(11.3 * GiB, -3)
    expect(demand.threads).toBe(5)
  })

  test('disk: what is new each day, for the days it is kept, in store and cache', () => {
    const perDay = 10 * 8 * ((2 * GiB) / 20)
    const kept = (2 * GiB + (perDay * 14 * 21 * 12) / 365) * 1.35
    expect(demand.diskBytes).toBeCloseTo((20e9 + kept) / 0.85, -3)
    expect(demand.growthBytesPerMonth).toBeCloseTo(perDay * 21 * 1.35, -3)
  })

  test('network: what is new, packed, to all who fetch it, in the busiest hour', () => {
    const bits = (16 * ((2 * GiB) / 20) * 0.35 * 6 * 8) / 3600
    expect(demand.bitsPerSecond).toBeCloseTo(bits, 0)
  })

  test('each assumption says its flag, its value and why, and those given say so', () => {
    const { assumptions: told } = plan(large, { developers: 10, buildMinutes: 30 })
    expect(told.map(({ key }) => key).toSorted()).toEqual(Object.keys(work).toSorted())
    for (const { flag, what, why } of told) expect([flag, what, why].every(Boolean)).toBe(true)
    expect(told.filter(({ isGiven }) => isGiven).map(({ flag }) => flag)).toEqual([
      '--developers',
      '--build-minutes',
    ])
    expect(told.find(({ key }) => key === 'waitMinutes')?.value).toBe(7.5)
  })

  test('the busiest of few hours takes at least its even share', () => {
    expect(workloadOf({ developers: 1, hoursPerDay: 4 }).peakShare).toBe(0.25)
    expect(workloadOf({ developers: 1, hoursPerDay: 8 }).peakShare).toBe(0.2)
    expect(workloadOf({ developers: 1, hoursPerDay: 0.5 }).peakShare).toBe(1)
  })

  test('chromium changes the answer: 10 GiB a process', () => {
    const heavy = demandOf(workloadOf({ developers: 10, buildMemoryBytes: 10 * GiB }))
    expect(heavy.memoryBytes).toBeCloseTo(51.3 * GiB, -3)
  })
})

describe('the answer for a machine', () => {
  test('P5: no for the office server: threads and memory, with four ways out', () => {
    const { verdict, fits } = plan(machines['office-server'], { developers: 10 })
    expect(verdict.answer).toBe('no')
    expect(said(verdict.because)).toContain('5 threads are needed, and there are 4')
    expect(said(verdict.because)).toContain('11 GiB of memory are needed, and there are 7.7 GiB')
    if (verdict.answer !== 'no') return
    const texts = verdict.instead.map(({ text, cost }) => `${text} ${cost}`)
    expect(texts).toHaveLength(4)
    expect(texts[0]).toMatch(/^mini PC, 6 threads, 16 GiB .* 200 USD$/)
    expect(texts[1]).toMatch(/^Distributed builds: .*--distributed HOST.* 200 USD$/)
    expect(texts[2]).toMatch(/^Hybrid: .*rent 2 × virtual server, 4 threads.* 18 USD a month$/)
    expect(texts[3]).toMatch(/carries 5 developers .* or 4 builds a day for each of 10/)
    expect(fits).toEqual({ developers: 5, buildsPerDay: 4 })
  })

  test('yes where all is there; the reasons show the arithmetic', () => {
    const { verdict, fits } = plan(large, { developers: 10 })
    expect(verdict.answer).toBe('yes')
    expect(said(verdict.because)).toContain('Erlang C')
    expect(fits.developers).toBe(10)
  })

  test('yes, if what it does not tell is large enough', () => {
    const blind = describedMachine({ cpu: { cores: 16 }, memory: { totalBytes: 62 * GiB } })
    const { verdict, gap } = plan(blind, { developers: 10 })
    expect(gap.filter(({ isEnough }) => isEnough === undefined).map(({ what }) => what)).toEqual([
      'disk',
      'delivery',
    ])
    expect(verdict.answer).toBe('yes, if')
    if (verdict.answer === 'yes, if') {
      expect(verdict.conditions[0]).toBe('its disk is at least 148 GiB: this machine does not tell')
      expect(verdict.conditions[1]).toContain('it hands out at least 8 Mbit/s')
    }
  })

  test('yes, if results are kept for fewer days, where only the disk is short', () => {
    const small = { ...large, disks: [{ ...large.disks[0], freeBytes: 120e9 }] } as Machine
    const { verdict } = plan(small, { developers: 10 })
    expect(verdict.answer).toBe('yes, if')
    if (verdict.answer === 'yes, if')
      expect(verdict.conditions[0]).toMatch(
        /^results are kept for \d+ days, not 14: --delete-older-than \d+d$/,
      )
  })

  test('no where fewer days would not help either; the disk that would is named', () => {
    const tiny = {
      ...large,
      disks: [{ ...large.disks[0], kind: 'hdd', freeBytes: 20e9 }],
    } as Machine
    const { verdict } = plan(tiny, { developers: 10 })
    expect(verdict.answer).toBe('no')
    expect(said(verdict)).toContain('1 TB SATA SSD in place of what is there')
    expect(said(verdict)).not.toContain('Distributed')
    const weak = describedMachine({ ...tiny, cpu: { cores: 2 } })
    expect(said(plan(weak, { developers: 10 }).verdict)).toContain(
      'It still lacks disk (19 GiB of 148 GiB)',
    )
  })

  test('no for one developer on 1 GB: let it serve', () => {
    const { verdict, fits } = plan(machines['router-1gb'], { developers: 1 })
    expect(verdict.answer).toBe('no')
    expect(fits.developers).toBe(0)
    expect(said(verdict)).toContain('narwhal assess --role proxy')
    expect(verdict.question).toContain('1 developer?')
  })

  test('no for ten thousand; where no part is enough that is said, and how many rented ones are', () => {
    const { verdict } = plan(machines['dual-xeon'], { developers: 10_000 })
    expect(verdict.answer).toBe('no')
    expect(said(verdict)).toContain('No machine and no parts of the price table carry it alone')
    expect(said(verdict)).toMatch(/rent \d+ × virtual server/)
  })

  test('a build of four processes does not spread over two machines', () => {
    const { verdict } = plan(machines['office-server'], { developers: 10, jobsPerBuild: 4 })
    expect(said(verdict)).toContain(
      '2 × mini PC, 12 threads, 32 GiB, which together run 24 at once',
    )
  })

  test('what the store holds already counts as room; what others hold does not', () => {
    const disk = { kind: 'ssd', totalBytes: 1e12, freeBytes: 100e9 } as const
    const full = describedMachine({ ...large, disks: [disk] })
    const store = describedMachine({ ...large, disks: [disk], system: { storeBytes: 200e9 } })
    const has = (one: Machine) =>
      plan(one, { developers: 10 }).gap.find(({ what }) => what === 'disk')?.isEnough
    expect([has(full), has(store)]).toEqual([false, true])
  })
})

const anyWork = fc.record({
  developers: fc.integer({ min: 1, max: 300 }),
  buildsPerDay: fc.integer({ min: 1, max: 40 }),
  buildMinutes: fc.double({ min: 0.5, max: 120, noNaN: true }),
  peakShare: fc.double({ min: 0.125, max: 1, noNaN: true }),
  jobsPerBuild: fc.integer({ min: 1, max: 8 }),
  keepDays: fc.integer({ min: 1, max: 60 }),
})
const anyMachine = fc.constantFrom(...Object.values(machines), large)
const needs = (given: Partial<Workload> & { developers: number }) => {
  const { slots, threads, memoryBytes, diskBytes, growthBytesPerMonth, bitsPerSecond } = demandOf(
    workloadOf(given),
  )
  return [slots, threads, memoryBytes, diskBytes, growthBytesPerMonth, bitsPerSecond]
}

describe('for any team', () => {
  test.each(['developers', 'buildsPerDay', 'jobsPerBuild', 'keepDays'] as const)(
    'more of %s never needs less of anything',
    (key) => {
      fc.assert(
        fc.property(anyWork, fc.integer({ min: 1, max: 50 }), (work, more) => {
          const before = needs(work)
          for (const [at, value] of needs({ ...work, [key]: work[key] + more }).entries())
            expect(value).toBeGreaterThanOrEqual(before[at] ?? 0)
        }),
      )
    },
  )

  test('as many developers as are said to fit do fit, and one more does not', () => {
    fc.assert(
      fc.property(anyMachine, anyWork, (machine, work) => {
        const { fits, verdict } = plan(machine, work)
        expect(fits.developers).toBeLessThanOrEqual(work.developers)
        if (verdict.answer !== 'no') return
        expect(fits.developers).toBeLessThan(work.developers)
        const ok = (developers: number) =>
          plan(machine, { ...work, developers }).gap.every(({ isEnough }) => isEnough !== false)
        if (fits.developers > 0) expect(ok(fits.developers)).toBe(true)
        expect(ok(fits.developers + 1)).toBe(false)
      }),
      { numRuns: 150 },
    )
  })

  test('A1: a no comes with what works instead, and all of it can be written as JSON', () => {
    fc.assert(
      fc.property(anyMachine, anyWork, (machine, work) => {
        const found = plan(machine, work)
        if (found.verdict.answer === 'no')
          expect(found.verdict.instead.length).toBeGreaterThanOrEqual(2)
        expect(said(found)).not.toMatch(/NaN|Infinity|undefined|null/)
      }),
      { numRuns: 150 },
    )
  })

  test('no two assumptions share a flag', () => {
    expect(new Set(assumptions.map(({ flag }) => flag)).size).toBe(assumptions.length)
  })
})
