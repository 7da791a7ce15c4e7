import { expect, test } from 'vitest'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import { findSlowness } from '../../src/advice/slowness.ts'
import { GiB } from '../../src/units.ts'
import { machines } from '../support/machines.ts'

const quiet = {
  oomKills: 0,
  memoryPressure: 0,
  ioPressure: 0,
  cpuPressure: 0,
  diskUtilization: 0,
  cpuUtilization: 0,
}
const good: MachineDescription = {
  cpu: { cores: 4, threads: 4 },
  memory: { totalBytes: 16 * GiB, zramBytes: GiB },
  disks: [{ kind: 'nvme' }],
  links: [{ kind: 'ethernet' }],
  measured: { linkBytesPerSecond: 25e6 },
  troubles: quiet,
}
const slow = (description: MachineDescription) =>
  findSlowness(describedMachine({ ...good, ...description }))

test('P2: memory that is short leads to fewer jobs and zram, measured before and after', () => {
  const { part, actions, measure, bottlenecks } = findSlowness(machines['under-pressure'])
  expect(part).toBe('memory')
  expect(bottlenecks.map(({ id }) => id)).toEqual(['oom-kills', 'memory-pressure', 'memory-low'])
  expect(actions[0].text).toContain('Fewer builds at once')
  expect(actions.map(({ text }) => text).join('\n')).toContain('zram of 7')
  expect(measure.map(({ command }) => command)).toContain('cat /proc/pressure/memory')
})

test('P2: a busy disk leads to less load and an SSD, and never says that GC makes it faster', () => {
  const { part, actions } = slow({
    disks: [{ kind: 'hdd' }],
    troubles: { ...quiet, diskUtilization: 1 },
  })
  expect(part).toBe('disk')
  expect(actions[0].text).toContain('a GC frees room but does not make a busy disk faster')
  expect(actions.some(({ kind, text }) => kind === 'upgrade' && text.includes('SSD'))).toBe(true)
})

test('P2: a full disk leads to GC first, and keeps the way back', () => {
  const { part, actions } = slow({
    disks: [{ kind: 'ssd', totalBytes: 100e9, freeBytes: 1e9 }],
  })
  expect(part).toBe('disk')
  expect(actions[0].text).toContain('--delete-older-than 14d')
})

test('P2: WiFi leads to a cable', () => {
  const { part, actions, measure } = slow({ links: [{ kind: 'wifi', bitsPerSecond: 300e6 }] })
  expect(part).toBe('network')
  expect(actions[0]).toMatchObject({ text: expect.stringContaining('cable'), cost: 'about $5' })
  expect(measure.map(({ command }) => command)).toContain('narwhal direct-network --validate')
})

test('P2: a busy CPU leads to builds that step back', () => {
  const { part, actions } = slow({ troubles: { ...quiet, cpuUtilization: 1 } })
  expect(part).toBe('cpu')
  expect(actions[0].text).toContain('nix.daemonCPUSchedPolicy')
})

test('P2: where nothing is short it says so, and looks elsewhere', () => {
  const { part, statement, unknown, actions } = slow({})
  expect(part).toBeUndefined()
  expect(statement.text).toContain('Nothing on this machine is known to hold the cache back')
  expect(unknown).toEqual([])
  expect(actions[0].text).toContain('http-connections')
})

test('P2: what could not be seen is named with how to see it', () => {
  const { part, unknown } = findSlowness(describedMachine({ memory: { totalBytes: 16 * GiB } }))
  expect(part).toBeUndefined()
  expect(unknown).toHaveLength(5)
  for (const { check } of unknown) expect(check).toBeTruthy()
})

test('P2: heat is not blamed while the CPU is idle; WiFi before a hard disk that is faster', () => {
  expect(findSlowness(machines['raspberry-pi-4']).part).toBe('disk')
  expect(findSlowness(machines['old-laptop-wifi']).part).toBe('network')
  const wifi = [{ kind: 'wifi' as const, bitsPerSecond: 300e6 }]
  expect(slow({ disks: [{ kind: 'hdd' }], links: wifi, measured: {} }).part).toBe('network')
  const hot = { cpu: { cores: 4, throttledCount: 9 }, troubles: { ...quiet, cpuUtilization: 0.5 } }
  expect(slow(hot).part).toBe('cpu')
})

test('P2: the same advice is not given twice', () => {
  const { actions } = findSlowness(machines['under-pressure'])
  expect(new Set(actions.map(({ text }) => text)).size).toBe(actions.length)
})
