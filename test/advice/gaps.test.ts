import { expect, test } from 'vitest'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import { findGaps } from '../../src/advice/gaps.ts'

/** A machine of which everything is known. */
const known: MachineDescription = {
  cpu: { throttledCount: 0 },
  disks: [{ name: 'sda', kind: 'ssd', isHealthy: true, freeBytes: 1, mountPoint: '/' }],
  links: [{ name: 'enp2s0', kind: 'ethernet', bitsPerSecond: 1e9 }],
  system: {
    kernel: '6.12.58',
    virtualization: 'vm',
    nixVersion: '2.31.2',
    nixSettings: { cores: '0' },
    storeBytes: 0,
  },
  troubles: { oomKills: 0, memoryPressure: 0, ioPressure: 0, cpuPressure: 0 },
}

function gapsOf(change: MachineDescription): string[] {
  return findGaps(describedMachine({ ...known, ...change })).map(
    ({ what, why, check }) => `${what}: ${why} | ${check}`,
  )
}

test('where everything is known nothing is missing', () => {
  expect(gapsOf({})).toEqual([])
})

test('a machine described by hand has no gaps: nobody looked', () => {
  expect(findGaps(describedMachine({}))).toEqual([])
})

test('what only root may see is told, with the command', () => {
  const disks = [
    { ...known.disks?.[0], isHealthy: undefined },
    { name: 'sdb+sdc', kind: 'hdd' as const },
  ]
  const system = { ...known.system, virtualization: 'none' as const, storeBytes: undefined }
  expect(gapsOf({ disks, system })).toEqual([
    "Whether memory can be added: sockets and the most they take stand in the firmware's tables, which only root may read | sudo dmidecode -t memory",
    'The health of sda: only root may ask a disk for its SMART values | sudo smartctl -H /dev/sda',
    'The health of sdb: only root may ask a disk for its SMART values | sudo smartctl -H /dev/sdb',
    'The health of sdc: only root may ask a disk for its SMART values | sudo smartctl -H /dev/sdc',
    expect.stringMatching(/^The size of the Nix store: Nix's database is not there, or this user/),
  ])
})

test.each([
  ['sd', 'SD cards do not tell'],
  ['usb', 'most disks on USB do not tell'],
] as const)('a disk of kind %s: %s', (kind, why) => {
  expect(gapsOf({ disks: [{ name: 'sda', kind }] })).toEqual([
    `The health of sda: ${why} | journalctl -k -g sda`,
  ])
})

test.each([
  ['overlay', 'layers of a container hide the disk beneath them'],
  ['zfs', 'ZFS manages its disks itself'],
  ['nfs4', 'it is on another machine'],
  ['fuse.sshfs', 'it is on another machine'],
  ['ext4', 'the kernel does not tell'],
])('the disk beneath %s: %s', (filesystem, why) => {
  const [gap] = gapsOf({ disks: [{ name: 'x', filesystem, mountPoint: '/nix', freeBytes: 1 }] })
  expect(gap).toContain(`What kind of disk holds /nix: ${why}`)
})

test('a file system that does not answer is told', () => {
  const disks = [{ name: 'vda', kind: 'virtual' as const, mountPoint: '/srv' }]
  expect(gapsOf({ disks })).toEqual([
    'The room on /srv: the file system did not answer within a second | df -h /srv',
  ])
})

test.each([
  [{ name: 'wlan0', kind: 'wifi' }, 'iw dev wlan0 link'],
  [{ name: 'eth0', kind: 'virtual' }, 'narwhal diagnose --measure --against http://cache:5000'],
  [{ name: 'eth0', kind: 'ethernet' }, 'ethtool eth0'],
] as const)('the rate of %j is asked with: %s', (link, check) => {
  expect(gapsOf({ links: [link] })).toEqual([expect.stringMatching(`^The rate of .*${check}$`)])
  expect(gapsOf({ links: [{ ...link, isUp: false }] })).toEqual([])
})

test('no link, no figures of heat, no pressure, no Nix: each with its reason', () => {
  expect(gapsOf({ links: [] })[0]).toMatch(/^The link: no network interface is in use/)
  const heat = (virtualization: 'vm' | 'none', architecture: string) =>
    gapsOf({ cpu: { architecture }, system: { ...known.system, virtualization } }).at(-1)
  expect(heat('vm', 'x64')).toMatch(/a guest does not see it \| on the host: sensors$/)
  expect(heat('none', 'x64')).toMatch(/\| sensors; journalctl -k -g throttl$/)
  expect(heat('none', 'arm64')).toMatch(/\| vcgencmd get_throttled; sensors$/)
  expect(gapsOf({ troubles: {} })).toEqual([
    expect.stringMatching(/psi=1/),
    expect.stringMatching(/^Processes killed for want of memory/),
  ])
  const system = (change: object) => gapsOf({ system: { ...known.system, ...change } })
  expect(system({ nixVersion: undefined })).toEqual([
    expect.stringMatching(/^Nix and its settings/),
  ])
  expect(system({ nixSettings: {} })).toEqual([expect.stringMatching(/^Nix's settings: /)])
})
