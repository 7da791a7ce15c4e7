import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { countConnections } from '../../src/host/connections.ts'
import { cpuUsage, readCpuTimes } from '../../src/host/cpu-times.ts'
import { disksUnder, readDisks } from '../../src/host/disk-activity.ts'
import { readInterfaces } from '../../src/host/network-activity.ts'
import { readNixStore } from '../../src/host/nix-store.ts'
import { listRecentBuilds } from '../../src/host/recent-builds.ts'
import { readSwap } from '../../src/host/swap.ts'
import type { SystemRoots } from '../../src/host/system-files.ts'
import { tempDir } from '../support/temp-dir.ts'

/** A /proc and a /sys with these files. */
async function systemWith(files: Readonly<Record<string, string>>): Promise<SystemRoots> {
  const root = await tempDir('system')
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return { proc: join(root, 'proc'), sys: join(root, 'sys') }
}

test('what a processor did between two readings, stolen time and waiting apart', async () => {
  const stat = (first: string) => `cpu  ${first}\ncpu0 1 0 0 9 0 0 0 0 0 0\nintr 5 cpu9 7\n`
  const before = readCpuTimes(await systemWith({ 'proc/stat': stat('100 0 100 800 0 0 0 0 0 0') }))
  const after = readCpuTimes(
    await systemWith({ 'proc/stat': stat('120 10 110 840 10 5 5 20 99 99') }),
  )
  if (!before || !after) throw new Error('no reading')
  expect(after.cores).toEqual([{ work: 1, stolen: 0, waiting: 0, total: 10 }])
  const usage = cpuUsage(before.all, after.all)
  expect(usage?.workPercent).toBeCloseTo((50 / 120) * 100)
  expect(usage?.stolenPercent).toBeCloseTo((20 / 120) * 100)
  expect(usage?.waitingPercent).toBeCloseTo((10 / 120) * 100)
  expect(cpuUsage(after.all, after.all)).toBe(undefined)
  expect(readCpuTimes(await systemWith({}))).toBe(undefined)
})

test('whole disks, not their partitions, nor what stands for other disks', async () => {
  const line = (name: string, rest: string) => `   8       0 ${name} ${rest}\n`
  const roots = await systemWith({
    'proc/diskstats':
      line('sda', '10 0 200 30 5 0 100 20 0 450 60 0 0 0 0 0 0') +
      line('sda1', '10 0 200 30 5 0 100 20 0 450 60') +
      line('loop0', '10 0 200 30 5 0 100 20 0 450 60') +
      line('dm-0', '10 0 200 30 5 0 100 20 0 450 60'),
    ...{ 'sys/block/sda/x': '', 'sys/block/loop0/x': '', 'sys/block/dm-0/x': '' },
  })
  expect(readDisks(roots)).toEqual([
    { name: 'sda', readBytes: 102_400, writtenBytes: 51_200, busyMs: 450 },
  ])
  expect(readDisks(await systemWith({}))).toEqual([])
})

test('the disks under a directory are found through partitions and encryption', async () => {
  const roots = await systemWith({
    'sys/devices/sdx/sdx1/partition': '1',
    'sys/devices/dm-0/slaves/sdx1/dev': '8:1\n',
    // the mount of this very directory is said to be of the encrypted device
    'proc/self/mountinfo': '',
  })
  const directory = await tempDir('somewhere')
  expect(disksUnder(join(directory, 'nowhere'), roots)).toEqual([])
  expect(disksUnder('/proc', roots)).toEqual([])
  await mkdir(join(roots.sys, 'dev/block'), { recursive: true })
  const { dev } = await import('node:fs').then(({ statSync }) => statSync('/'))
  const id = `${(dev >> 8) & 0xfff}:${dev & 0xff}`
  await symlink('../../devices/dm-0', join(roots.sys, 'dev/block', id))
  await symlink('../../devices/sdx/sdx1', join(roots.sys, 'dev/block/8:1'))
  if (id.startsWith('0:')) return
  expect(disksUnder('/', roots)).toEqual(['sdx'])
})

test('interfaces that have carried something, and their speed where they tell it', async () => {
  const roots = await systemWith({
    'proc/net/dev': `Inter-|   Receive        |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets
    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0
  eth0:2000 1 0 0 0 0 0 0 3000 1 0 0 0 0 0 0
 wlan0: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0
  ifb0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
`,
    ...{ 'sys/class/net/eth0/speed': '1000\n', 'sys/class/net/wlan0/speed': '-1\n' },
  })
  expect(readInterfaces(roots)).toEqual([
    { name: 'lo', receivedBytes: 100, sentBytes: 100, speedMbits: undefined },
    { name: 'eth0', receivedBytes: 2000, sentBytes: 3000, speedMbits: 1000 },
    { name: 'wlan0', receivedBytes: 5, sentBytes: 6, speedMbits: undefined },
  ])
})

test('connections that are open, by the port at our end, of both protocols', async () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue\n'
  const line = (address: string, state: string) =>
    `   0: ${address}:1388 ${address}:D431 ${state} 00000000:00000000 00:00000000\n`
  const [v4, v6] = ['0100007F', '00000000000000000000000001000000']
  const roots = await systemWith({
    'proc/net/tcp': head + line(v4, '0A') + line(v4, '01') + line(v4, '06'),
    'proc/net/tcp6': head + line(v6, '01'),
  })
  expect(countConnections(roots)).toEqual({ established: 2, byPort: new Map([[5000, 2]]) })
  expect(countConnections(await systemWith({}))).toBe(undefined)
})

test('swap, and what zram makes of it; nothing where there is none', async () => {
  const meminfo = (total: number, free: number) =>
    `MemTotal: 100 kB\nSwapTotal:     ${total} kB\nSwapFree:      ${free} kB\n`
  const mmStat = '  1000      300      400 0 500 0 0 0 0\n'
  const roots = await systemWith({
    'proc/meminfo': meminfo(2048, 1024),
    'sys/block/zram0/mm_stat': mmStat,
    'sys/block/zram1/mm_stat': mmStat,
  })
  expect(readSwap(roots)).toEqual({
    ...{ totalBytes: 2 ** 21, usedBytes: 2 ** 20 },
    zram: { storedBytes: 2000, takenBytes: 800 },
  })
  expect(readSwap(await systemWith({ 'proc/meminfo': meminfo(0, 0) }))).toBe(undefined)
  const plain = readSwap(await systemWith({ 'proc/meminfo': meminfo(8, 8) }))
  expect(plain).toEqual({ totalBytes: 8192, usedBytes: 0, zram: undefined })
})

test("a Nix store's room, and its paths where the database can be read", async () => {
  const root = await tempDir('nix')
  expect(await readNixStore(root)).toBe(undefined)
  await mkdir(join(root, 'store'))
  const bare = await readNixStore(root)
  expect(bare?.totalBytes).toBeGreaterThan(0)
  expect(bare?.paths).toBe(undefined)
  await mkdir(join(root, 'var/nix/db'), { recursive: true })
  const database = new DatabaseSync(join(root, 'var/nix/db/db.sqlite'))
  database.exec('create table ValidPaths (id integer primary key, narSize integer)')
  database.exec('insert into ValidPaths (narSize) values (1000), (500), (null)')
  database.close()
  expect((await readNixStore(root))?.paths).toEqual({ count: 3, bytes: 1500 })
})

test('the builds logged last, newest first, under their own names', async () => {
  const root = await tempDir('logs')
  expect(await listRecentBuilds(5, join(root, 'none'))).toBe(undefined)
  const hash = '0'.repeat(30)
  for (const [directory, name, at] of [
    ['aa', `${hash}-hello-2.12.drv.bz2`, 1000],
    ['bb', `${hash}-glibc-2.40.drv`, 3000],
    ['bb', `${hash}-zlib.drv.bz2`, 2000],
  ] as const) {
    await mkdir(join(root, directory), { recursive: true })
    await writeFile(join(root, directory, name), '')
    await utimes(join(root, directory, name), at, at)
  }
  expect(await listRecentBuilds(2, root)).toEqual([
    { name: 'glibc-2.40', at: 3_000_000 },
    { name: 'zlib', at: 2_000_000 },
  ])
})
