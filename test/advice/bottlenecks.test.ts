import { describe, expect, test } from 'vitest'
import { severities } from '../../src/advice/bottleneck.ts'
import { findBottlenecks } from '../../src/advice/bottlenecks.ts'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import type { Machine } from '../../src/advice/machine.ts'
import { GiB, MiB } from '../../src/units.ts'
import { machines } from '../support/machines.ts'

/** Nothing to complain about: a baseline every case below changes in one point. */
const good: MachineDescription = {
  cpu: { cores: 4, threads: 4 },
  memory: { totalBytes: 32 * GiB, zramBytes: 8 * GiB },
}

function found(description: MachineDescription) {
  const merged = {
    ...good,
    ...description,
    cpu: { ...good.cpu, ...description.cpu },
    memory: { ...good.memory, ...description.memory },
  }
  return findBottlenecks(describedMachine(merged))
}

const ids = (description: MachineDescription) => found(description).map(({ id }) => id)
const GB = 1e9
const gigabit = { kind: 'ethernet', bitsPerSecond: 1e9 } as const

test('what is unknown is no bottleneck', () => {
  expect(ids({})).toEqual([])
  expect(ids({ disks: [{}], links: [{}] })).toEqual([])
})

describe('each bottleneck is found at its bound and not before', () => {
  const cases: [string, MachineDescription, MachineDescription][] = [
    ['oom-kills', { troubles: { oomKills: 1 } }, { troubles: { oomKills: 0 } }],
    [
      'memory-pressure',
      { troubles: { memoryPressure: 0.1 } },
      { troubles: { memoryPressure: 0.09 } },
    ],
    [
      'memory-low',
      { memory: { availableBytes: 2.5 * GiB } },
      { memory: { availableBytes: 2.6 * GiB } },
    ],
    [
      'no-zram',
      { memory: { totalBytes: 6.9 * GiB, zramBytes: 0 } },
      { memory: { totalBytes: 7 * GiB, zramBytes: 0 } },
    ],
    [
      'few-build-slots',
      { memory: { totalBytes: 9 * GiB, zramBytes: GiB } },
      { memory: { totalBytes: 9.4 * GiB, zramBytes: GiB } },
    ],
    ['disk-failing', { disks: [{ isHealthy: false }] }, { disks: [{ isHealthy: true }] }],
    [
      'disk-full',
      { disks: [{ totalBytes: 100 * GB, freeBytes: 4.9 * GB }] },
      { disks: [{ totalBytes: 100 * GB, freeBytes: 5.1 * GB }] },
    ],
    ['disk-full', { disks: [{ freeBytes: GiB - 1 }] }, { disks: [{ freeBytes: GiB }] }],
    [
      'disk-nearly-full',
      { disks: [{ totalBytes: 100 * GB, freeBytes: 9.9 * GB }] },
      { disks: [{ totalBytes: 100 * GB, freeBytes: 10.1 * GB }] },
    ],
    ['inodes-gone', { disks: [{ freeInodeShare: 0.04 }] }, { disks: [{ freeInodeShare: 0.06 }] }],
    ['disk-busy', { troubles: { diskUtilization: 0.9 } }, { troubles: { diskUtilization: 0.89 } }],
    ['disk-busy', { troubles: { ioPressure: 0.2 } }, { troubles: { ioPressure: 0.19 } }],
    ['hdd', { disks: [{ kind: 'hdd' }] }, { disks: [{ kind: 'ssd' }] }],
    ['sd', { disks: [{ kind: 'sd' }] }, { disks: [{ kind: 'nvme' }] }],
    ['usb', { disks: [{ kind: 'usb' }] }, { disks: [{ kind: 'virtual' }] }],
    [
      'emmc',
      { disks: [{ kind: 'emmc' }] },
      { disks: [{ kind: 'emmc' }], measured: { diskReadBytesPerSecond: 300e6 } },
    ],
    ['tmpfs', { disks: [{ kind: 'tmpfs' }] }, { disks: [{ kind: 'ssd' }] }],
    [
      'disk-slower-than-link',
      { disks: [{ kind: 'sd' }], links: [gigabit] },
      { disks: [{ kind: 'hdd' }], links: [gigabit] },
    ],
    [
      'disk-slower-than-link',
      { disks: [{ kind: 'ssd' }], links: [{ ...gigabit, bitsPerSecond: 10e9 }] },
      { disks: [{ kind: 'nvme' }], links: [{ ...gigabit, bitsPerSecond: 10e9 }] },
    ],
    ['link-down', { links: [{ isUp: false }] }, { links: [{ isUp: true }] }],
    [
      'packet-loss',
      { links: [gigabit], measured: { linkLoss: 0.002 } },
      { links: [gigabit], measured: { linkLoss: 0.001 } },
    ],
    [
      'half-duplex',
      { links: [{ ...gigabit, duplex: 'half' }] },
      { links: [{ ...gigabit, duplex: 'full' }] },
    ],
    ['wifi', { links: [{ kind: 'wifi' }] }, { links: [{ kind: 'ethernet' }] }],
    [
      'slow-link',
      { links: [{ ...gigabit, bitsPerSecond: 100e6 }] },
      { links: [{ ...gigabit, bitsPerSecond: 1e9 }] },
    ],
    [
      'xz-stream',
      { links: [{ ...gigabit, bitsPerSecond: 240e6 }] },
      { links: [{ ...gigabit, bitsPerSecond: 220e6 }] },
    ],
    ['throttled', { cpu: { throttledCount: 1 } }, { cpu: { throttledCount: 0 } }],
    ['cpu-busy', { troubles: { cpuUtilization: 0.9 } }, { troubles: { cpuUtilization: 0.89 } }],
    ['cpu-busy', { troubles: { cpuPressure: 0.4 } }, { troubles: { cpuPressure: 0.39 } }],
    ['single-core', { cpu: { cores: 1, threads: 1 } }, { cpu: { cores: 1, threads: 2 } }],
    ['single-core', { cpu: { cores: 1.5, threads: 2 } }, { cpu: { cores: 2, threads: 2 } }],
  ]

  test.each(cases)('%s', (id, at, before) => {
    expect(ids({ disks: [{}], ...at })).toContain(id)
    expect(ids({ disks: [{}], ...before })).not.toContain(id)
  })
})

test('swap on a disk without zram is a warning; no swap at all only a limit', () => {
  const memory = { totalBytes: 4 * GiB, zramBytes: 0 }
  const severity = (more: object) =>
    found({ memory: { ...memory, ...more } }).find(({ id }) => id === 'no-zram')?.severity
  expect(severity({ diskSwapBytes: GiB })).toBe('warning')
  expect(severity({})).toBe('limit')
})

test('a container is not told to set up zram', () => {
  const system = { virtualization: 'container' } as const
  const memory = { totalBytes: 2 * GiB, zramBytes: 0 }
  expect(ids({ memory, system })).not.toContain('no-zram')
  const kills = found({ memory, system, troubles: { oomKills: 2 } })
  expect(JSON.stringify(kills[0]?.actions)).not.toContain('zram')
})

test('what is wrong now comes before what will be, and that before what the hardware bounds', () => {
  for (const machine of Object.values(machines)) {
    const order = findBottlenecks(machine).map(({ severity }) => severities.indexOf(severity))
    expect(order).toEqual(order.toSorted())
  }
  expect(findBottlenecks(machines['under-pressure']).map(({ id }) => id)).toEqual([
    'oom-kills',
    'memory-pressure',
    'disk-full',
    'disk-busy',
    'memory-low',
    'no-zram',
    'few-build-slots',
    'hdd',
    'xz-stream',
  ])
})

test('a busy SSD is not to be replaced by an SSD', () => {
  const troubles = { diskUtilization: 1 }
  const [busy] = found({ disks: [{ kind: 'ssd' }], troubles })
  expect(busy?.actions.map(({ kind }) => kind)).toEqual(['workaround'])
  const [spinning] = found({ disks: [{ kind: 'hdd' }], troubles })
  expect(spinning?.actions.map(({ kind }) => kind)).toEqual(['workaround', 'upgrade'])
})

test('a machine that cannot recompress is not told to', () => {
  const advice = (machine: Machine) =>
    findBottlenecks(machine).find(({ id }) => id === 'xz-stream')?.actions[0].text
  expect(advice(machines['pentium-hdd'])).toContain('recompress.enabled = "auto"')
  expect(advice(machines['router-1gb'])).toContain('no core or memory to spare')
})

test('never does advice delete the way back', () => {
  for (const machine of Object.values(machines))
    for (const { actions } of findBottlenecks(machine))
      for (const { text } of actions) expect(text).not.toMatch(/nix-collect-garbage -d\b/)
})

test('every bottleneck has a source, a check and what to do', () => {
  for (const machine of Object.values(machines))
    for (const { statement, actions } of findBottlenecks(machine)) {
      expect(statement.text).toMatch(/^[\p{Lu}\d].*\.$/u)
      expect(statement.source).toBeTruthy()
      expect(statement.check).toBeTruthy()
      for (const { text } of actions) expect(text).toMatch(/^[\p{Lu}\d]|^zram|^eMMC/u)
    }
})

test('a little memory left is said in figures', () => {
  const [low] = found({ memory: { totalBytes: 4 * GiB, availableBytes: 200 * MiB } })
  expect(low?.statement.formula).toBe('200 MiB / 4.0 GiB = 4.9 % < 8 %')
})
