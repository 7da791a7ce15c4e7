import { expect, test } from 'vitest'
import { describedMachine } from '../../src/advice/described-machine.ts'
import type { Machine } from '../../src/advice/machine.ts'
import {
  buildSlots,
  jobSplit,
  optInJob,
  splitSlots,
  usableThreads,
} from '../../src/advice/slots.ts'
import { GiB } from '../../src/units.ts'

function machineWith(gib: number, threads: number, cores = threads): Machine {
  return describedMachine({ cpu: { cores, threads }, memory: { totalBytes: gib * GiB } })
}

test.each([
  [2, 16, 0],
  [3.29, 16, 0],
  [3.31, 16, 1],
  [3.5, 16, 1],
  [4, 16, 1],
  [5.31, 16, 2],
  [8, 16, 3],
  [16, 16, 7],
  [64, 16, 16],
  [64, 56, 31],
  [8, 2, 2],
  [8, 1, 1],
])('%s GiB and %s threads hold %s compile processes', (gib, threads, count) => {
  expect(buildSlots(machineWith(gib, threads)).count).toBe(count)
})

test('the slots are said with the numbers put into the formula', () => {
  const { because } = buildSlots(machineWith(8, 2))
  expect(because.formula).toBe(
    '(8.0 GiB − 1.0 GiB system − 307 MiB narwhal) / 2.0 GiB = 3.35; min(3, 2 threads) = 2',
  )
  expect(because.text).toContain('no more than 2 threads')
  expect(because.check).toContain('nproc')
})

test('a share of a core counts as one thread', () => {
  expect(usableThreads(machineWith(64, 8, 1.5))).toBe(2)
  expect(usableThreads(machineWith(64, 8, 0.3))).toBe(1)
  expect(usableThreads(machineWith(64, 8, 4))).toBe(8)
})

test('jobs × processes never exceed the slots, use nearly all, and never shrink with more', () => {
  let before = 0
  for (let count = 0; count <= 300; count += 1) {
    const { maxJobs, cores } = splitSlots(count)
    expect(maxJobs * cores).toBeLessThanOrEqual(count)
    expect(maxJobs * cores).toBeGreaterThan(count - Math.max(1, maxJobs))
    expect(cores).toBeGreaterThanOrEqual(1)
    expect(maxJobs * cores).toBeGreaterThanOrEqual(before)
    before = maxJobs * cores
  }
})

test.each([
  [0, 0, 1],
  [1, 1, 1],
  [2, 1, 2],
  [3, 1, 3],
  [4, 2, 2],
  [8, 2, 4],
  [30, 5, 6],
])('%s slots are %s jobs with %s processes each', (count, maxJobs, cores) => {
  expect(splitSlots(count)).toEqual({ maxJobs, cores })
})

test('a machine that mainly serves builds one thing at a time and keeps memory to serve with', () => {
  expect(jobSplit(machineWith(2, 2), 'proxy')).toEqual({ maxJobs: 0, cores: 1 })
  expect(jobSplit(machineWith(4, 4), 'proxy')).toEqual({ maxJobs: 1, cores: 1 })
  expect(jobSplit(machineWith(8, 8), 'proxy')).toEqual({ maxJobs: 1, cores: 2 })
  expect(jobSplit(machineWith(8, 8), 'builder')).toEqual({ maxJobs: 1, cores: 3 })
})

test('one small job is offered with zram where there is no slot, and only where zram makes room', () => {
  const offered = optInJob(machineWith(2, 2))
  expect(offered?.text).toContain('max-jobs = 1, cores = 1')
  expect(offered?.formula).toBe(
    '614 MiB lean system + 307 MiB narwhal + 1.5 GiB job = 2.4 GiB ≤ 2.0 GiB + 1.0 GiB from zram = 3.0 GiB',
  )
  expect(optInJob(machineWith(1.75, 2))).toBeDefined()
  expect(optInJob(machineWith(1.5, 2))).toBeUndefined()
  expect(optInJob(machineWith(4, 2))).toBeUndefined()
})

test('no small job is offered in a container, which cannot set up zram', () => {
  const container = { ...machineWith(2, 2) }
  const system = { ...container.system, virtualization: 'container' as const }
  expect(optInJob({ ...container, system })).toBeUndefined()
})
