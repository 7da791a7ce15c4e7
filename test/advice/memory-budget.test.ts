import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describedMachine } from '../../src/advice/described-machine.ts'
import type { Machine } from '../../src/advice/machine.ts'
import { coresOf, memoryBudget } from '../../src/advice/memory-budget.ts'
import { narwhalSettings } from '../../src/advice/narwhal-settings.ts'
import { nixSettings } from '../../src/advice/nix-settings.ts'
import { type Role, roles } from '../../src/advice/roles.ts'
import type { Setting } from '../../src/advice/setting.ts'
import { systemSettings } from '../../src/advice/system-settings.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { judgeMachine } from '../../src/policy/recompression.ts'
import { GiB, MiB, parseSize } from '../../src/units.ts'
import { machines } from '../support/machines.ts'
import { writtenToml } from '../support/written-toml.ts'
import { gridMachine, gridPoints } from './machine-grid.ts'

const grid = [...gridPoints().map(gridMachine), ...Object.values(machines)]

/** What holds on every machine there can be. */
function expectSound(machine: Machine, role: Role): void {
  expectSum(machine, role)
  expectLimits(machine, role)
  expectAutoAgrees(machine, role)
}

function expectSum(machine: Machine, role: Role): void {
  const budget = memoryBudget(machine, role)
  const { systemBytes, zramBytes, jobsBytes, narwhalMaxBytes, narwhalHighBytes, spareBytes } =
    budget
  const parts = [systemBytes, zramBytes, jobsBytes, narwhalMaxBytes, spareBytes]
  for (const part of parts) expect(part).toBeGreaterThanOrEqual(0)
  const sum = parts.reduce((all, part) => all + part, 0)
  expect(Math.abs(sum - machine.memory.totalBytes)).toBeLessThan(1)
  expect(narwhalHighBytes).toBeLessThanOrEqual(narwhalMaxBytes)
  expect(budget.narinfoBytes).toBeLessThan(narwhalHighBytes)
}

function settingIn(settings: readonly Setting[], key: string) {
  return settings.find((setting) => setting.key.endsWith(key))?.value
}

/** The limits as they are written, read again: all parts together fit into the machine. */
function expectLimits(machine: Machine, role: Role): void {
  const system = systemSettings(machine, role)
  const nix = nixSettings(machine, role)
  const { systemBytes, zramBytes } = memoryBudget(machine, role)
  const size = (key: string) => parseSize(String(settingIn(system, key) ?? '0'))
  const narwhal = size('narwhal.memoryMax')
  const daemon = size('nix-daemon.serviceConfig.MemoryMax')
  expect(systemBytes + zramBytes + narwhal + daemon).toBeLessThanOrEqual(machine.memory.totalBytes)
  const jobs = Number(settingIn(nix, 'max-jobs')) * Number(settingIn(nix, 'cores'))
  expect(daemon).toBeGreaterThanOrEqual(jobs * 2 * GiB)
  expect(size('nix-daemon.serviceConfig.MemoryHigh')).toBeLessThanOrEqual(daemon)
  expect(size('narwhal.serviceConfig.MemoryHigh')).toBeLessThanOrEqual(narwhal)
  const heap = Number(/\d+/.exec(String(settingIn(system, 'NODE_OPTIONS')))?.[0]) * MiB
  expect(heap).toBeLessThan(Math.max(narwhal, 97 * MiB))
}

/** narwhal itself, started with these limits and this file, decides as it was said it would. */
function expectAutoAgrees(machine: Machine, role: Role): void {
  const settings = narwhalSettings(machine, role)
  const reading = readConfig({ text: writtenToml(settings) })
  expect(reading.ok ? [] : reading.mistakes).toEqual([])
  if (!reading.ok) return
  const { recompression, narwhalHighBytes } = memoryBudget(machine, role)
  const { workers, level } = reading.config.recompress
  const facts = { cores: coresOf(machine), totalBytes: narwhalHighBytes, workers, level }
  expect(judgeMachine('auto', facts).isOn).toBe(recompression !== undefined)
}

describe.each(roles)('as a %s', (role) => {
  test('on 600 machines all parts fit into the memory, and auto decides as was said', () => {
    expect(grid.length).toBeGreaterThan(500)
    for (const machine of grid) expectSound(machine, role)
  })

  test('on any machine whatever', () => {
    const machine = fc.record({
      mebibytes: fc.integer({ min: 128, max: 400_000 }),
      threads: fc.integer({ min: 1, max: 128 }),
      cores: fc.option(fc.double({ min: 0.1, max: 8, noNaN: true })),
      isContainer: fc.boolean(),
    })
    fc.assert(
      fc.property(machine, ({ mebibytes, threads, cores, isContainer }) => {
        const described = describedMachine({
          cpu: { cores: cores ?? threads, threads },
          memory: { totalBytes: mebibytes * MiB },
          system: { virtualization: isContainer ? 'container' : 'none' },
        })
        expectSound(described, role)
      }),
      { numRuns: 500 },
    )
  })
})

test('a builder with 4 GB: the whole sum', () => {
  const machine = describedMachine({
    cpu: { cores: 2, threads: 4 },
    memory: { totalBytes: 4 * GiB },
  })
  const budget = memoryBudget(machine, 'builder')
  expect(budget).toMatchObject({
    jobs: 1,
    jobsBytes: 2 * GiB,
    narwhalMaxBytes: 608 * MiB,
    narwhalHighBytes: 480 * MiB,
    recompression: { workers: 1, level: 3 },
    narinfoBytes: 64 * MiB,
  })
})

test.each([
  [1, 8, undefined],
  [2, 1, undefined],
  [2, 2, { workers: 1, level: 3 }],
  [2, 8, { workers: 2, level: 3 }],
  [8, 4, { workers: 1, level: 3 }],
  [8, 8, { workers: 2, level: 9 }],
  [8, 16, { workers: 4, level: 9 }],
] as const)('a proxy with %s GiB and %s threads recompresses with %j', (gib, threads, wanted) => {
  const machine = describedMachine({
    cpu: { cores: threads, threads },
    memory: { totalBytes: gib * GiB },
  })
  expect(memoryBudget(machine, 'proxy').recompression).toEqual(wanted)
})
