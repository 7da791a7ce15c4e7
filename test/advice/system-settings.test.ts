import { describe, expect, test } from 'vitest'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import { type Role, roles } from '../../src/advice/roles.ts'
import { isWeakCpu } from '../../src/advice/system/zram-settings.ts'
import { systemSettings } from '../../src/advice/system-settings.ts'
import { zramPercent } from '../../src/advice/zram.ts'
import { GiB } from '../../src/units.ts'
import { machines } from '../support/machines.ts'

function settingsOf(description: MachineDescription, role: Role = 'proxy') {
  const settings = systemSettings(describedMachine(description), role)
  return Object.fromEntries(settings.map(({ key, value }) => [key, value]))
}

describe('zram', () => {
  test.each([
    [0.5, 100],
    [1, 100],
    [2, 100],
    [3, 87],
    [4, 75],
    [6, 62],
    [8, 50],
    [16, 50],
    [32, 50],
    [64, 25],
  ])('%s GiB get %s %%', (gib, percent) => {
    expect(zramPercent(gib * GiB)).toBe(percent)
    const settings = settingsOf({ memory: { totalBytes: gib * GiB } })
    expect(settings['zramSwap.memoryPercent']).toBe(percent)
  })

  test('comes with the kernel settings that go with it', () => {
    expect(settingsOf({})).toMatchObject({
      'zramSwap.enable': true,
      'zramSwap.algorithm': 'zstd',
      'zramSwap.priority': 100,
      'boot.kernel.sysctl."vm.swappiness"': 180,
      'boot.kernel.sysctl."vm.watermark_boost_factor"': 0,
      'boot.kernel.sysctl."vm.watermark_scale_factor"': 125,
      'boot.kernel.sysctl."vm.page-cluster"': 0,
    })
  })

  test('is not set up inside a container', () => {
    const keys = Object.keys(settingsOf({ system: { virtualization: 'container' } }))
    expect(keys.filter((key) => key.startsWith('zramSwap') || key.startsWith('boot'))).toEqual([])
  })

  test.each([
    ['Intel(R) Atom(TM) CPU D525 @ 1.80GHz', true],
    ['Intel(R) Celeron(R) CPU J1900 @ 1.99GHz', true],
    ['Intel(R) Pentium(R) CPU N4200 @ 1.10GHz', true],
    ['Cortex-A53', true],
    ['Cortex-A72', false],
    ['Intel(R) Pentium(R) Gold G5400 CPU @ 3.70GHz', false],
    ['Intel(R) N100', false],
    ['AMD Ryzen 5 5600G with Radeon Graphics', false],
    [undefined, false],
  ])('a %s packs with lz4: %s', (model, isWeak) => {
    expect(isWeakCpu(model)).toBe(isWeak)
    const algorithm = settingsOf({ cpu: { model } })['zramSwap.algorithm']
    expect(algorithm).toBe(isWeak ? 'lz4' : 'zstd')
  })
})

describe('garbage', () => {
  test.each([
    [{ totalBytes: 500e9, freeBytes: 300e9 }, 'weekly'],
    [{ totalBytes: 500e9, freeBytes: 90e9 }, 'daily'],
    [{ totalBytes: 64e9, freeBytes: 50e9 }, 'daily'],
    [{}, 'weekly'],
  ])('on a disk of %j it is collected %s', (disk, dates) => {
    expect(settingsOf({ disks: [disk] })['nix.gc.dates']).toBe(dates)
  })

  test('never deletes the way back', () => {
    for (const machine of Object.values(machines))
      for (const role of roles) {
        const settings = systemSettings(machine, role)
        const options = settings.find(({ key }) => key === 'nix.gc.options')
        expect(options?.value).toBe('--delete-older-than 14d')
        expect(options?.because.text).toContain('Never -d')
      }
  })

  test('equal files are linked once a week where linking them at once would cost too much', () => {
    const hdd = settingsOf({ disks: [{ kind: 'hdd' }] })
    expect(hdd).toMatchObject({ 'nix.optimise.automatic': true, 'nix.optimise.dates': 'Sun 04:00' })
    expect(settingsOf({ disks: [{ kind: 'ssd' }] })['nix.optimise.automatic']).toBeUndefined()
  })
})

describe('disks', () => {
  test.each([
    ['hdd', { 'hardware.block.defaultSchedulerRotational': 'bfq' }],
    ['ssd', { 'services.fstrim.enable': true, 'hardware.block.defaultScheduler': 'mq-deadline' }],
    ['nvme', { 'services.fstrim.enable': true, 'hardware.block.scheduler."nvme[0-9]*"': 'none' }],
    ['sd', { 'services.fstrim.enable': true, 'hardware.block.defaultScheduler': 'mq-deadline' }],
    ['virtual', { 'services.fstrim.enable': true, 'hardware.block.scheduler."vd[a-z]*"': 'none' }],
    ['usb', {}],
    ['tmpfs', {}],
    [undefined, {}],
  ] as const)('%s gets its scheduler and trimming, and nothing else', (kind, wanted) => {
    const settings = settingsOf({
      disks: [{ kind, name: 'sdz' }].map((d) => (kind === 'virtual' ? { kind, name: 'vda' } : d)),
    })
    const found = Object.entries(settings).filter(([key]) =>
      /^(services\.fstrim|hardware)/.test(key),
    )
    expect(Object.fromEntries(found)).toEqual(wanted)
  })

  test('each kind of disk in the machine gets its own, once', () => {
    const disks = (['ssd', 'hdd', 'ssd', 'hdd'] as const).map((kind) => ({ kind }))
    const keys = systemSettings(describedMachine({ disks }), 'proxy').map(({ key }) => key)
    expect(keys.filter((key) => key.startsWith('hardware'))).toEqual([
      'hardware.block.defaultScheduler',
      'hardware.block.defaultSchedulerRotational',
    ])
  })

  test('a virtual disk of Xen is called by its own name', () => {
    const settings = settingsOf({ disks: [{ kind: 'virtual', name: 'xvda' }] })
    expect(settings['hardware.block.scheduler."xvd[a-z]*"']).toBe('none')
  })
})

describe('nix-daemon', () => {
  test.each([
    ['proxy', 'ssd', 'idle', 'idle'],
    ['builder', 'ssd', 'batch', 'best-effort'],
    ['builder', 'hdd', 'batch', 'idle'],
  ] as const)('of a %s on an %s: CPU %s, disk %s', (role, kind, cpu, io) => {
    expect(settingsOf({ disks: [{ kind }] }, role)).toMatchObject({
      'nix.daemonCPUSchedPolicy': cpu,
      'nix.daemonIOSchedClass': io,
      'systemd.services.nix-daemon.serviceConfig.OOMScoreAdjust': 250,
    })
  })

  test('gets what system and narwhal leave', () => {
    const settings = settingsOf({ memory: { totalBytes: 4 * GiB }, cpu: { cores: 4 } }, 'builder')
    // 4096 − 614.4 system − 608 narwhal − 3.072 zram
    expect(settings).toMatchObject({
      'services.narwhal.memoryMax': '608M',
      'systemd.services.nix-daemon.serviceConfig.MemoryMax': '2870M',
      'systemd.services.nix-daemon.serviceConfig.MemoryHigh': '2583M',
    })
  })

  test('gets no limit where there would be too little to do anything with', () => {
    const settings = settingsOf({ memory: { totalBytes: 0.5 * GiB } })
    expect(settings['systemd.services.nix-daemon.serviceConfig.MemoryMax']).toBeUndefined()
  })
})

test.each([
  [0.5, '255M', '170M', 96],
  [1, '384M', '256M', 128],
  [2, '608M', '480M', 240],
])('narwhal in %s GiB: at most %s, pressed from %s on, heap %s', (gib, max, high, heap) => {
  expect(settingsOf({ memory: { totalBytes: gib * GiB }, cpu: { cores: 2 } })).toMatchObject({
    'services.narwhal.memoryMax': max,
    'systemd.services.narwhal.serviceConfig.MemoryHigh': high,
    'systemd.services.narwhal.environment.NODE_OPTIONS': `--max-old-space-size=${heap}`,
  })
})

test('keys are written as Nix reads them, and paths hold their parts', () => {
  for (const machine of Object.values(machines))
    for (const { key, path } of systemSettings(machine, 'builder')) {
      const written = path?.map((part) => (/^[A-Za-z_][\w-]*$/.test(part) ? part : `"${part}"`))
      expect(written?.join('.')).toBe(key)
    }
})
