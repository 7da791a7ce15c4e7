import { expect, test } from 'vitest'
import { checkCriteria } from '../../src/advice/criteria.ts'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import type { Upkeep } from '../../src/advice/upkeep.ts'
import { GiB, MiB } from '../../src/units.ts'
import { machines } from '../support/machines.ts'

const tidy: Upkeep = {
  collectsGarbage: true,
  trims: true,
  monitors: ['netdata'],
  restartsNarwhal: true,
}

/** State of each criterion by its name, of a machine described so. */
function statesOf(description: MachineDescription, ...[upkeep]: [Upkeep?]) {
  const checks = checkCriteria(describedMachine(description), upkeep)
  return Object.fromEntries(checks.map(({ name, state }) => [name, state]))
}

function textOf(name: string, upkeep: Upkeep | undefined): string {
  const checks = checkCriteria(describedMachine({}), upkeep)
  return checks.find((check) => check.name === name)?.statement.text ?? ''
}

test('all six criteria are there, each with a command that shows it', () => {
  const checks = checkCriteria(machines['pentium-hdd'], tidy)
  expect([...new Set(checks.map(({ id }) => id))]).toEqual(['K1', 'K2', 'K3', 'K4', 'K5', 'K6'])
  for (const { statement } of checks) {
    expect(statement.text).toMatch(/\.$/)
    expect(statement.source).not.toBe('')
    expect(statement.check).not.toBe('')
  }
})

test('what nobody has put to the test is unknown, never met', () => {
  expect(new Set(Object.values(statesOf({}, undefined)))).toEqual(new Set(['unknown']))
  expect(statesOf({ links: [{ kind: 'ethernet', bitsPerSecond: 1e9 }] })).toMatchObject({
    'Hits within 100 ms': 'unknown',
    'More than 800 Mbit/s': 'unknown',
    'Builds 20 to 50 % faster': 'unknown',
    'Documented, with a runbook': 'unknown',
  })
})

test.each([
  [{ links: [{ kind: 'wifi', bitsPerSecond: 300e6 }] }, 'missed'],
  [{ links: [{ kind: 'ethernet', bitsPerSecond: 100e6 }] }, 'missed'],
  [{ links: [{ kind: 'ethernet', bitsPerSecond: 10e9 }] }, 'unknown'],
  [{ measured: { linkBytesPerSecond: 101e6 } }, 'met'],
  [{ measured: { linkBytesPerSecond: 100e6 } }, 'missed'],
] as const)('throughput of %j is %s', (description, state) => {
  expect(statesOf(description)['More than 800 Mbit/s']).toBe(state)
})

test.each([
  [{ memoryPressure: 0.09, ioPressure: 0.39, cpuPressure: 0.39 }, 'met'],
  [{ memoryPressure: 0.1 }, 'missed'],
  [{ ioPressure: 0.4 }, 'missed'],
  [{ cpuPressure: 0.4 }, 'missed'],
  [{ cpuPressure: 0 }, 'met'],
  [{}, 'unknown'],
])('with waits of %j it is responsive: %s', (troubles, state) => {
  expect(statesOf({ troubles }).Responsive).toBe(state)
})

test.each([
  [0, 'met'],
  [1, 'missed'],
  [undefined, 'unknown'],
])('%s OOM kills: %s', (oomKills, state) => {
  expect(statesOf({ troubles: { oomKills } })['No OOM kills']).toBe(state)
})

test.each([
  [{ totalBytes: 100 * GiB, freeBytes: 5 * GiB }, 'met'],
  [{ totalBytes: 100 * GiB, freeBytes: 5 * GiB - 1 }, 'missed'],
  [{ totalBytes: 2 * GiB, freeBytes: 1024 * MiB - 1 }, 'missed'],
  [{ totalBytes: 100 * GiB, freeBytes: 50 * GiB, freeInodeShare: 0.04 }, 'missed'],
  [{ totalBytes: 100 * GiB, freeBytes: 50 * GiB, freeInodeShare: 0.05 }, 'met'],
  [{ totalBytes: 100 * GiB }, 'unknown'],
  [{ freeBytes: 50 * GiB }, 'unknown'],
] as const)('a disk of %j is not full: %s', (disk, state) => {
  expect(statesOf({ disks: [disk] })['Disk not full']).toBe(state)
})

test('upkeep is met, missed or unknown as it is found', () => {
  const names = ['Comes back by itself', 'Garbage collection automated', 'Monitored'] as const
  const states = (upkeep: Upkeep | undefined) => names.map((name) => statesOf({}, upkeep)[name])
  expect(states(tidy)).toEqual(['met', 'met', 'met'])
  const untidy = { collectsGarbage: false, trims: false, monitors: [], restartsNarwhal: false }
  expect(states(untidy)).toEqual(['missed', 'missed', 'missed'])
  const nothing = {
    collectsGarbage: undefined,
    trims: undefined,
    monitors: undefined,
    restartsNarwhal: undefined,
  }
  expect(states(nothing)).toEqual(['unknown', 'unknown', 'unknown'])
  expect(textOf('Comes back by itself', nothing)).toMatch(/No unit narwhal\.service was found/)
  expect(textOf('Comes back by itself', undefined)).toMatch(/another machine/)
  expect(textOf('Monitored', { ...tidy, monitors: ['a', 'b'] })).toBe('a, b: start by themselves.')
})

test("Nix's own collecting during builds is told beside the timer", () => {
  const system = { nixSettings: { 'min-free': String(GiB) } }
  const checks = checkCriteria(describedMachine({ system }), { ...tidy, collectsGarbage: false })
  const { statement, state } = checks.find(({ name }) => name.startsWith('Garbage')) ?? {}
  expect(state).toBe('missed')
  expect(statement?.text).toMatch(/Nix collects during builds too, below 1\.0 GiB free\.$/)
})
