import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { readMachine } from '../../src/host/read-machine.ts'
import { readSwapSpace } from '../../src/host/swap-space.ts'
import { GiB } from '../../src/units.ts'
import { diskTree, hostWith, mountLine, type Tree } from './host-tree.ts'

const nix = async () => ({ version: '2.31.2', settings: { 'max-jobs': 'auto' } })

const meminfo = { 'proc/meminfo': 'MemTotal: 3879520 kB\nMemAvailable: 3012000 kB\n' }
const pressure = (share: string) =>
  `some avg10=0.00 avg60=0.00 avg300=${share} total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n`
const disk = diskTree({
  name: 'sda',
  id: [8, 0],
  bus: 'pci0000:00/ata1/host0/target0:0:0/0:0:0:0',
  partition: 'sda1',
  files: { 'queue/rotational': '1\n' },
})
const machine: Tree = {
  ...meminfo,
  ...disk,
  'nix/store/': '',
  'etc/os-release': 'ID=nixos\nPRETTY_NAME="NixOS 25.11"\n',
  'proc/self/mountinfo': mountLine('8:1', '/', ['ext4', '/dev/sda1']),
  'proc/pressure/memory': pressure('41.50'),
  'proc/pressure/io': pressure('0.00'),
  'proc/vmstat': 'nr_free_pages 1\noom_kill 7\n',
  'proc/swaps':
    'Filename Type Size Used Priority\n/dev/zram0 partition 1939760 0 100\n/swapfile file 2097148 5 -2\n',
  'proc/sys/vm/swappiness': '180\n',
  'proc/stat': 'cpu  10 0 10 80 0 0 0 0 0 0\n',
  'proc/cpuinfo': 'flags\t: aes\n',
}

test('reads a whole machine', async () => {
  const read = await readMachine({ roots: await hostWith(machine), nix, sampleMs: 0 })
  expect(read).toMatchObject({
    memory: {
      totalBytes: 3_879_520 * 1024,
      availableBytes: 3_012_000 * 1024,
      zramBytes: 1_939_760 * 1024,
      diskSwapBytes: 2_097_148 * 1024,
      swappiness: 180,
      isLimited: false,
    },
    disks: [{ name: 'sda', kind: 'hdd', mountPoint: '/' }],
    system: {
      distribution: 'NixOS 25.11',
      isNixos: true,
      virtualization: 'none',
      nixVersion: '2.31.2',
      nixSettings: { 'max-jobs': 'auto' },
      storeBytes: undefined,
    },
    troubles: {
      oomKills: 7,
      memoryPressure: 0.415,
      ioPressure: 0,
      cpuPressure: undefined,
      diskUtilization: undefined,
      cpuUtilization: undefined,
    },
    measured: {},
  })
})

test.each([
  [
    'version 2',
    { 'proc/self/cgroup': '0::/box\n', 'sys/fs/cgroup/box/memory.max': `${GiB / 2}\n` },
  ],
  [
    'version 1',
    {
      'proc/self/cgroup': '4:memory:/box\n',
      'sys/fs/cgroup/memory/box/memory.limit_in_bytes': `${GiB / 2}\n`,
    },
  ],
])('the limit of a control group of %s counts, and is told as one', async (_version, group) => {
  const roots = await hostWith(machine, group)
  const { memory } = await readMachine({ roots, nix, sampleMs: 0 })
  expect(memory).toMatchObject({ totalBytes: GiB / 2, isLimited: true })
})

test('adds up the store from its database, and leaves nothing beside it', async () => {
  const roots = await hostWith(machine, { 'nix/var/nix/db/x': '' })
  const file = join(roots.root, 'nix/var/nix/db/db.sqlite')
  const database = new DatabaseSync(file)
  database.exec('pragma journal_mode = wal')
  database.exec('create table ValidPaths (id integer primary key, narSize integer)')
  database.exec('insert into ValidPaths (narSize) values (1000), (500)')
  // what waits in the log counts too, while somebody has it open
  const open = await readMachine({ roots, nix, sampleMs: 0 })
  expect(open.system).toMatchObject({ storeBytes: 1500, storePathCount: 2 })
  database.close()
  const before = await readFile(file)
  const closed = await readMachine({ roots, nix, sampleMs: 0 })
  expect(closed.system).toMatchObject({ storeBytes: 1500, storePathCount: 2 })
  expect(await readFile(file)).toEqual(before)

  expect(await readdir(join(roots.root, 'nix/var/nix/db'))).toEqual(['db.sqlite', 'x'])
})

test('the disk of the cache comes after that of the store', async () => {
  const second = diskTree({
    name: 'nvme0n1',
    id: [259, 0],
    bus: 'pci0000:00/nvme/nvme0',
    partition: 'nvme0n1p1',
  })
  const roots = await hostWith(machine, second, {
    'proc/self/mountinfo':
      mountLine('8:1', '/', ['ext4', '/dev/sda1']) +
      mountLine('259:1', '/srv', ['xfs', '/dev/nvme0n1p1']),
  })
  const options = { roots, nix, sampleMs: 0 }
  const { disks } = await readMachine({ ...options, dataDir: '/srv/narwhal' })
  expect(disks.map(({ name }) => name)).toEqual(['sda', 'nvme0n1'])
})

test('looks at processor and disk for a while', async () => {
  const roots = await hostWith(machine, {
    'proc/diskstats': '   8       0 sda 10 0 200 30 5 0 100 20 0 450 60 0 0 0 0 0 0\n',
  })
  const started = performance.now()
  const nixAsked = Promise.withResolvers<void>()
  const reading = readMachine({
    roots,
    // asked when the first look has been taken, or in the same turn
    nix: async () => {
      nixAsked.resolve()
      return nix()
    },
    sampleMs: 2000,
  })

  // in the middle of it both have worked
  await nixAsked.promise
  await new Promise(setImmediate)
  await writeFile(
    join(roots.proc, 'diskstats'),
    '   8       0 sda 10 0 200 30 5 0 100 20 0 1450 60 0 0 0 0 0 0\n',
  )
  await writeFile(join(roots.proc, 'stat'), 'cpu  70 0 10 120 0 0 0 0 0 0\n')
  const { troubles } = await reading
  expect(troubles.cpuUtilization).toBeCloseTo(0.6)
  // a second of work in two seconds, or a little more on a busy machine
  const tookMs = performance.now() - started
  expect(troubles.diskUtilization).toBeGreaterThanOrEqual(1000 / tookMs)
  expect(troubles.diskUtilization).toBeLessThanOrEqual(0.5)
})

test('a machine that tells nothing is still a machine', async () => {
  const roots = await hostWith({ 'proc/x': '', 'sys/x': '' })
  const read = await readMachine({
    roots,
    nix: async () => ({ version: undefined, settings: {} }),
    sampleMs: 1,
  })
  expect(read.memory.totalBytes).toBeGreaterThan(0)
  expect(read.troubles).toEqual({
    oomKills: undefined,
    memoryPressure: undefined,
    ioPressure: undefined,
    cpuPressure: undefined,
    diskUtilization: undefined,
    cpuUtilization: undefined,
  })
  expect(read.system).toMatchObject({ isNixos: false, storeBytes: undefined })
})

test('swap is told apart by where it is', async () => {
  expect(readSwapSpace(await hostWith({ 'proc/x': '' }))).toEqual({ zramBytes: 0, diskBytes: 0 })
  const roots = await hostWith({ 'proc/swaps': '/dev/sda2 partition 1024 0 -2\n' })
  expect(readSwapSpace(roots)).toEqual({ zramBytes: 0, diskBytes: 1024 * 1024 })
})
