import { expect, test } from 'vitest'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import { type NixSide, nixSettings } from '../../src/advice/nix-settings.ts'
import { isAtLeastNix } from '../../src/advice/nix-version.ts'
import { type Role, roles } from '../../src/advice/roles.ts'
import { GiB } from '../../src/units.ts'
import { machines } from '../support/machines.ts'

function settingsOf(description: MachineDescription, role: Role = 'builder', side?: NixSide) {
  const settings = nixSettings(describedMachine(description), role, side)
  return Object.fromEntries(settings.map((setting) => [setting.key, setting]))
}

const ofMemory = (gib: number, role: Role = 'builder') =>
  settingsOf({ cpu: { cores: 8, threads: 8 }, memory: { totalBytes: gib * GiB } }, role)

test.each([
  [2, 'builder', 0, 1],
  [4, 'builder', 1, 1],
  [8, 'builder', 1, 3],
  [16, 'builder', 2, 3],
  [64, 'builder', 2, 4],
  [2, 'proxy', 0, 1],
  [8, 'proxy', 1, 2],
] as const)('%s GiB as a %s: max-jobs %s, cores %s', (gib, role, maxJobs, cores) => {
  const settings = ofMemory(gib, role)
  expect(settings['max-jobs']?.value).toBe(maxJobs)
  expect(settings.cores?.value).toBe(cores)
})

test('no jobs is explained with what to do instead', () => {
  expect(ofMemory(2)['max-jobs']?.because.text).toContain('nixos-rebuild --target-host')
})

test.each([
  [2, 8, 4],
  [3.49, 8, 4],
  [3.5, 25, 16],
])('%s GiB: %s connections, %s paths at once', (gib, connections, jobs) => {
  const settings = ofMemory(gib)
  expect(settings['http-connections']?.value).toBe(connections)
  expect(settings['max-substitution-jobs']?.value).toBe(jobs)
})

test.each([
  [undefined, 1 * GiB, 2 * GiB],
  [8e9, 1 * GiB, 2 * GiB],
  [40e9, 2e9, 6e9],
  [500e9, 25e9, 75e9],
])('a disk of %s bytes keeps 5 % free, collects up to 15 %', (totalBytes, minFree, maxFree) => {
  const settings = settingsOf({ disks: [{ totalBytes }] })
  expect(settings['min-free']?.value).toBe(minFree)
  expect(settings['max-free']?.value).toBe(maxFree)
})

test.each([
  ['ssd', true],
  ['nvme', true],
  ['hdd', false],
  ['sd', false],
  ['emmc', false],
  ['virtual', false],
  [undefined, false],
] as const)('on %s files are linked at once: %s', (kind, value) => {
  expect(settingsOf({ disks: [{ kind }] })['auto-optimise-store']?.value).toBe(value)
})

test('a machine that serves keeps nothing for developers; a builder is left alone', () => {
  expect(settingsOf({}, 'cache')['keep-outputs']?.value).toBe(false)
  expect(settingsOf({}, 'proxy')['keep-derivations']?.value).toBe(false)
  expect(settingsOf({}, 'builder')['keep-outputs']).toBeUndefined()
})

test('clients get short patience and fallback, and nothing about builds', () => {
  const settings = settingsOf({}, 'proxy', { side: 'client' })
  expect(Object.fromEntries(Object.values(settings).map(({ key, value }) => [key, value]))).toEqual(
    {
      'connect-timeout': 3,
      'stalled-download-timeout': 30,
      'narinfo-cache-negative-ttl': 60,
      fallback: true,
    },
  )
  expect(settings.fallback?.because.text).toContain('2.8 crashes with it')
})

test('over WiFi a client waits longer for the connection', () => {
  const wifi = settingsOf({ links: [{ kind: 'wifi' }] }, 'proxy', { side: 'client' })
  expect(wifi['connect-timeout']?.value).toBe(5)
})

test('a client that is known to be small fetches less at once', () => {
  const client = describedMachine({ memory: { totalBytes: 2 * GiB } })
  const settings = settingsOf({ memory: { totalBytes: 64 * GiB } }, 'proxy', {
    side: 'client',
    client,
  })
  expect(settings['http-connections']?.value).toBe(8)
  expect(settings['max-substitution-jobs']?.value).toBe(4)
})

test.each([
  ['2.8.0', false, false],
  ['2.16.0', true, false],
  ['2.23.4', true, false],
  ['2.24.0', true, true],
  ['2.31.2', true, true],
  [undefined, true, true],
  ['lix', true, true],
])('Nix %s gets max-substitution-jobs: %s, fallback: %s', (nixVersion, jobs, fallback) => {
  const client = describedMachine({})
  const settings = settingsOf({}, 'proxy', { side: 'client', nixVersion, client })
  expect(settings['max-substitution-jobs'] !== undefined).toBe(jobs)
  expect(settings.fallback !== undefined).toBe(fallback)
})

test("a server's own version is that of the machine", () => {
  const system = { nixVersion: '2.8.0' }
  expect(settingsOf({ system })['max-substitution-jobs']).toBeUndefined()
  expect(settingsOf({ system }, 'proxy', { side: 'client' }).fallback).toBeDefined()
})

test('versions are compared by number', () => {
  expect(isAtLeastNix('2.9', '2.24')).toBe(false)
  expect(isAtLeastNix('2.24pre2024', '2.24')).toBe(true)
  expect(isAtLeastNix('3.0', '2.24')).toBe(true)
  expect(isAtLeastNix('2.24.1', '2.24.3')).toBe(false)
  expect(isAtLeastNix('2.24.3', '2.24.3')).toBe(true)
  expect(isAtLeastNix('', '2.24')).toBeUndefined()
})

test('never download-attempts, which Nix 2.35 renamed, and no setting twice', () => {
  for (const machine of Object.values(machines))
    for (const role of roles)
      for (const side of ['server', 'client'] as const) {
        const keys = nixSettings(machine, role, { side }).map(({ key }) => key)
        expect(keys.filter((key) => key.includes('attempts'))).toEqual([])
        expect(new Set(keys).size).toBe(keys.length)
      }
})
