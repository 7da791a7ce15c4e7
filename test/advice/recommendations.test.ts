import { expect, test } from 'vitest'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import type { Machine } from '../../src/advice/machine.ts'
import { recommend } from '../../src/advice/recommendations.ts'
import type { Upkeep } from '../../src/advice/upkeep.ts'
import { GiB } from '../../src/units.ts'
import { machines } from '../support/machines.ts'

/** "key = advised (now)" a line. */
function linesOf(machine: Machine, upkeep?: Upkeep): string[] {
  return recommend(machine, upkeep).map(
    ({ key, advised, now }) => `${key ?? '–'} = ${advised} (${now ?? '?'})`,
  )
}

function of(description: MachineDescription, upkeep?: Upkeep): string[] {
  return linesOf(describedMachine(description), upkeep)
}

const calm: MachineDescription = {
  cpu: { cores: 4, threads: 4 },
  memory: { totalBytes: 16 * GiB, zramBytes: 8 * GiB, swappiness: 180 },
}

test('the Pentium with its hard disk is told what to change, and only that', () => {
  expect(linesOf(machines['pentium-hdd'])).toEqual([
    'max-jobs = 1 (auto)',
    'cores = 1 (0)',
    expect.stringMatching(/^zramSwap\.memoryPercent = \d+ \(no swap at all\)$/),
    'hardware.block.defaultSchedulerRotational = bfq (mq-deadline)',
    'fileSystems."/".options = noatime (relatime)',
  ])
})

test('many generations are named, and never all of them deleted', () => {
  const lines = linesOf(machines['under-pressure'])
  expect(lines).toContain('– = nix-collect-garbage --delete-older-than 14d (212 generations)')
  expect(lines.join()).not.toMatch(/collect-garbage -d\b/)
  expect(of({ ...calm, system: { generationCount: 50 } })).toEqual([])
  expect(of({ ...calm, system: { generationCount: 51 } })).toHaveLength(1)
})

test('where it is known to be right, nothing is named', () => {
  expect(of(calm)).toEqual([])
})

test.each([
  ['1', '4', []],
  ['1', '2', []],
  ['4', '4', ['max-jobs', 'cores']],
  ['auto', '0', ['max-jobs', 'cores']],
  ['auto', '1', []],
  ['2', '0', ['cores']],
])('max-jobs %s and cores %s on 16 GiB with 4 threads: %j to change', (maxJobs, cores, keys) => {
  const machine = describedMachine({
    ...calm,
    system: { nixSettings: { 'max-jobs': maxJobs, cores } },
  })
  expect(recommend(machine, undefined).map(({ key }) => key)).toEqual(keys)
})

test('settings of nix.conf are named where they differ for the worse', () => {
  const nix = (settings: Record<string, string>) =>
    of({ ...calm, system: { nixVersion: '2.31.2', nixSettings: settings } })
  expect(nix({ 'connect-timeout': '0' })).toEqual(['connect-timeout = 5 (0)'])
  expect(nix({ 'connect-timeout': '3' })).toEqual([])
  expect(nix({ 'narinfo-cache-negative-ttl': '0' })).toEqual([])
  expect(nix({ 'narinfo-cache-negative-ttl': '3600' })).toHaveLength(1)
  expect(nix({ 'min-free': '0' })).toEqual(['min-free = 1073741824 (1.0 GiB) (0)'])
  expect(nix({ 'min-free': String(4 * GiB) })).toEqual([])
  expect(nix({ 'max-free': '9223372036854775807' })).toEqual([])
  expect(nix({ 'auto-optimise-store': 'true' })).toEqual(['auto-optimise-store = false (true)'])
})

test('zram there is wants its swappiness; none there is wants zram', () => {
  const memory = { totalBytes: 4 * GiB, zramBytes: 2 * GiB }
  const key = 'boot.kernel.sysctl."vm.swappiness" = 180'
  expect(of({ memory: { ...memory, swappiness: 60 } })).toEqual([`${key} (60)`])
  expect(of({ memory: { ...memory, swappiness: 200 } })).toEqual([])
  expect(of({ memory })).toEqual([])
  const none = { totalBytes: 4 * GiB, diskSwapBytes: GiB, swappiness: 60 }
  expect(of({ memory: none })[0]).toMatch(/^zramSwap.* \(swap on a disk only\)$/)
  expect(of({ memory: { totalBytes: 4 * GiB } })[0]).toMatch(/ \(\?\)$/)
})

test('the file system of a slow disk, and btrfs without compression', () => {
  const disk = (facts: object) => of({ ...calm, disks: [{ mountPoint: '/nix', ...facts }] })
  expect(disk({ kind: 'sd', mountOptions: ['rw', 'relatime'] })).toContain(
    'fileSystems."/nix".options = noatime (relatime)',
  )
  expect(disk({ kind: 'sd', mountOptions: ['rw', 'noatime'] })).toEqual([])
  expect(disk({ kind: 'sd', mountOptions: [] })).toEqual([])
  expect(disk({ kind: 'nvme', mountOptions: ['rw', 'relatime'] })).toEqual([])
  const btrfs = { kind: 'nvme', filesystem: 'btrfs' }
  expect(disk({ ...btrfs, mountOptions: ['rw', 'relatime'] })).toEqual([
    'fileSystems."/nix".options = compress=zstd (relatime)',
  ])
  expect(disk({ ...btrfs, mountOptions: ['rw', 'compress=zstd:3'] })).toEqual([])
})

test('timers that are missing are named, those that cannot be told are not', () => {
  const upkeep = { collectsGarbage: false, trims: false, monitors: [], restartsNarwhal: undefined }
  const disks = [{ kind: 'ssd' as const }]
  expect(of({ ...calm, disks }, upkeep)).toEqual([
    'nix.gc.automatic = true (no timer)',
    'services.fstrim.enable = true (no timer)',
  ])
  const unknown = { ...upkeep, collectsGarbage: undefined, trims: undefined }
  expect(of({ ...calm, disks }, unknown)).toEqual([])
})

test('a NixOS too small to evaluate itself is sent to a larger machine', () => {
  const memory = { totalBytes: 1.9 * GiB, zramBytes: GiB, swappiness: 180 }
  const advice = '– = nixos-rebuild --target-host, from a larger machine (?)'
  expect(of({ memory, system: { isNixos: true } })).toEqual([advice])
  expect(of({ memory, system: { isNixos: false } })).toEqual([])
})

test('A2: 4 GB are told otherwise than 16 GB, a hard disk than an NVMe SSD', () => {
  const nix = { nixSettings: { 'max-jobs': 'auto', cores: '0' } }
  const told = (gib: number, kind: 'hdd' | 'nvme') =>
    of({
      cpu: { cores: 4, threads: 4 },
      memory: { totalBytes: gib * GiB, swappiness: 60 },
      disks: [{ kind, scheduler: 'mq-deadline', mountPoint: '/', mountOptions: ['relatime'] }],
      system: nix,
    })
  expect(told(4, 'hdd').slice(0, 2)).toEqual(['max-jobs = 1 (auto)', 'cores = 1 (0)'])
  expect(told(16, 'hdd').slice(0, 2)).toEqual(['max-jobs = 2 (auto)', 'cores = 2 (0)'])
  expect(told(16, 'hdd')).toContain('hardware.block.defaultSchedulerRotational = bfq (mq-deadline)')
  expect(told(16, 'nvme').join()).toMatch(/nvme.* = none \(mq-deadline\)/)
  expect(told(16, 'nvme').join()).not.toMatch(/noatime|bfq/)
})

test('every recommendation has a reason, a source and a check', () => {
  for (const machine of Object.values(machines))
    for (const { because, advised } of recommend(machine, undefined)) {
      expect(advised).toBeTruthy()
      expect(because.text).toMatch(/[.:]$/)
      expect(because.source && because.check).toBeTruthy()
    }
})
