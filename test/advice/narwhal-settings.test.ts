import { describe, expect, test } from 'vitest'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import type { Disk, Link } from '../../src/advice/machine.ts'
import { narwhalSettings, slowLine } from '../../src/advice/narwhal-settings.ts'
import { type Role, roles } from '../../src/advice/roles.ts'
import { optionsOf } from '../../src/config/option.ts'
import { options } from '../../src/config/options.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { GiB } from '../../src/units.ts'
import { machines } from '../support/machines.ts'
import { writtenToml } from '../support/written-toml.ts'

const GB = 1e9

function settingsOf(description: MachineDescription, role: Role = 'proxy') {
  const settings = narwhalSettings(describedMachine(description), role)
  return Object.fromEntries(settings.map((setting) => [setting.key, setting]))
}

const ofMemory = (gib: number, more: MachineDescription = {}) =>
  settingsOf({ cpu: { cores: 4, threads: 4 }, ...more, memory: { totalBytes: gib * GiB } })

test.each(Object.entries(machines))(
  '%s gets a file that narwhal accepts, in every role',
  (_, machine) => {
    const known = optionsOf(options).map(({ key }) => key)
    for (const role of roles) {
      const settings = narwhalSettings(machine, role)
      for (const { key } of settings) expect(known).toContain(key)
      expect(new Set(settings.map(({ key }) => key)).size).toBe(settings.length)
      const reading = readConfig({ text: writtenToml(settings) })
      expect(reading.ok ? [] : reading.mistakes).toEqual([])
    }
  },
)

describe('cache.max_size', () => {
  const disk = (more: Partial<Disk>) => ({ disks: [{ totalBytes: 500 * GB, ...more }] })

  test('is a share of the free space less what always stays free', () => {
    const { 'cache.max_size': size } = settingsOf(disk({ freeBytes: 380 * GB }))
    expect(size?.value).toBe('264GiB')
    expect(size?.because.formula).toBe('(354 GiB free − 23 GiB min_free) × 0.8 = 264GiB')
  })

  test('leaves builders room for the store', () => {
    const { 'cache.max_size': size } = settingsOf(disk({ freeBytes: 380 * GB }), 'builder')
    expect(size?.value).toBe('132GiB')
  })

  test('is half of the file system where the free space is unknown, and says so', () => {
    for (const description of [disk({}), {}]) {
      const { 'cache.max_size': size } = settingsOf(description)
      expect(size?.value).toBe('50%')
      expect(size?.because.text).toContain('not known')
    }
  })

  test('is never nothing, even on a full disk', () => {
    const { 'cache.max_size': size } = settingsOf(disk({ freeBytes: 1 * GB }))
    expect(size?.value).toBe('64MiB')
    expect(size?.because.text).toContain('Make room first')
  })

  test('on a disk that is memory takes no more than half of what nobody was promised', () => {
    const tmpfs = { disks: [{ kind: 'tmpfs' as const, totalBytes: 60 * GB, freeBytes: 60 * GB }] }
    const { 'cache.max_size': size } = ofMemory(4, tmpfs)
    expect(size?.value).toBe('379MiB')
  })
})

describe('recompression', () => {
  const link = (link: Partial<Link>) => ({ links: [link] })

  test('is left to "auto", which has the memory and cores it asks for', () => {
    const settings = ofMemory(4, link({ kind: 'ethernet', bitsPerSecond: 1e9 }))
    expect(settings['recompress.enabled']?.value).toBe('auto')
    expect(settings['recompress.enabled']?.because.text).toContain('"auto" will recompress')
    expect(settings['recompress.workers']?.value).toBe(1)
    expect(settings['recompress.level']?.value).toBe(3)
  })

  test.each([
    ['a single core', { cpu: { cores: 1, threads: 1 } }, 8, 'one core'],
    ['too little memory', {}, 1, 'more than the 256 MiB'],
  ])('with %s, says that "auto" will not', (_, more, gib, why) => {
    const settings = ofMemory(gib, more)
    expect(settings['recompress.enabled']?.value).toBe('auto')
    expect(settings['recompress.enabled']?.because.text).toContain(why)
    expect(settings['recompress.workers']).toBeUndefined()
  })

  test('is off where the line is slower than a client unpacks: larger files only take longer', () => {
    const slow = ofMemory(4, link({ kind: 'ethernet', bitsPerSecond: 100e6 }))
    expect(slow['recompress.enabled']?.value).toBe(false)
    expect(slow['recompress.enabled']?.because.formula).toContain('77 MB/s unpacked × 0.25 × 1.4')
    expect(slow['recompress.level']).toBeUndefined()
  })

  test.each([
    ['ethernet', 220e6, true],
    ['ethernet', 240e6, false],
    ['wifi', 400e6, true],
    ['wifi', 450e6, false],
  ] as const)('%s of %s bit/s counts as slow: %s', (kind, bitsPerSecond, isSlow) => {
    const machine = describedMachine(link({ kind, bitsPerSecond }))
    expect(slowLine(machine) !== undefined).toBe(isSlow)
  })

  test('takes more workers and a higher level where cores and memory are plenty', () => {
    const settings = ofMemory(32, { cpu: { cores: 16, threads: 32 } })
    expect(settings['recompress.workers']?.value).toBe(4)
    expect(settings['recompress.level']?.value).toBe(9)
  })
})

test.each([
  [0.5, 'nvme', 4, 128, 16],
  [1, 'nvme', 8, 512, 32],
  [2, 'nvme', 16, 1024, 64],
  [4, 'nvme', 16, 4096, 64],
  [4, 'hdd', 8, 4096, 64],
  [4, 'sd', 8, 4096, 64],
  [0.5, 'hdd', 4, 128, 16],
] as const)(
  '%s GiB and %s: %s at once, %s clients, %s upstream',
  (gib, kind, most, clients, upstream) => {
    const settings = ofMemory(gib, { disks: [{ kind }] })
    expect(settings['prefetch.max_concurrent']?.value).toBe(most)
    expect(settings['limits.max_downloads']?.value).toBe(most)
    expect(settings['limits.max_clients']?.value).toBe(clients)
    expect(settings['limits.upstream_connections']?.value).toBe(upstream)
  },
)

test.each([
  [0.5, 'proxy', '16MiB'],
  [1, 'proxy', '32MiB'],
  [2, 'proxy', '64MiB'],
  [4, 'proxy', '128MiB'],
  [8, 'proxy', '256MiB'],
  [8, 'builder', '64MiB'],
] as const)('%s GiB as a %s keep %s of narinfos in memory', (gib, role, value) => {
  const settings = settingsOf({ memory: { totalBytes: gib * GiB } }, role)
  expect(settings['cache.memory']?.value).toBe(value)
})

test('a small cache of own builds takes no upload larger than an eighth of it', () => {
  const small = { disks: [{ totalBytes: 64 * GB, freeBytes: 40 * GB }] }
  expect(settingsOf(small, 'cache')['limits.max_upload']?.value).toBe('3509MiB')
  const large = { disks: [{ totalBytes: 900 * GB, freeBytes: 700 * GB }] }
  expect(settingsOf(large, 'cache')['limits.max_upload']?.value).toBe('8GiB')
  expect(settingsOf(small, 'proxy')['limits.max_upload']).toBeUndefined()
})
