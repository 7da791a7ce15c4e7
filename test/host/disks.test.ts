import { expect, test } from 'vitest'
import { findDisks } from '../../src/host/disks.ts'
import { mountOf, readMounts } from '../../src/host/mounts.ts'
import { type DiskTree, diskTree, hostWith, mountLine } from './host-tree.ts'

const sata = 'pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0'
const usb = 'pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0'
const hdd: DiskTree = {
  name: 'sda',
  id: [8, 0],
  bus: sata,
  partition: 'sda1',
  files: {
    'queue/rotational': '1\n',
    'queue/scheduler': 'none [mq-deadline] bfq\n',
    'device/vendor': 'ATA     \n',
    'device/model': 'WDC WD5000AAKX-0\n',
    'device/state': 'running\n',
  },
}

const kinds: readonly (readonly [string, DiskTree, object])[] = [
  ['a hard disk', hdd, { name: 'sda', kind: 'hdd', model: 'WDC WD5000AAKX-0' }],
  [
    'a SATA SSD',
    { ...hdd, files: { ...hdd.files, 'queue/rotational': '0\n' } },
    { kind: 'ssd', scheduler: 'mq-deadline' },
  ],
  [
    'an NVMe SSD',
    {
      name: 'nvme0n1',
      id: [259, 0],
      bus: 'pci0000:00/0000:00:1d.0/0000:01:00.0/nvme/nvme0',
      partition: 'nvme0n1p1',
      files: {
        'queue/rotational': '0\n',
        'queue/scheduler': '[none] mq-deadline\n',
        'device/model': 'WD Blue SN580 500GB    \n',
      },
    },
    { name: 'nvme0n1', kind: 'nvme', model: 'WD Blue SN580 500GB', scheduler: 'none' },
  ],
  [
    'an NVMe disk that a provider makes up',
    {
      name: 'nvme0n1',
      id: [259, 0],
      bus: 'pci0000:00/0000:00:04.0/nvme/nvme0',
      partition: 'nvme0n1p1',
      files: { 'device/model': 'Amazon Elastic Block Store\n' },
    },
    { kind: 'virtual' },
  ],
  [
    'eMMC that is still well',
    {
      name: 'mmcblk0',
      id: [179, 0],
      bus: 'platform/fe330000.mmc/mmc_host/mmc0/mmc0:0001',
      partition: 'mmcblk0p1',
      files: {
        'device/type': 'MMC\n',
        'device/name': 'DG4064\n',
        'device/pre_eol_info': '0x01\n',
        'queue/rotational': '0\n',
      },
    },
    { kind: 'emmc', model: 'DG4064', isHealthy: true },
  ],
  [
    'eMMC near its end',
    {
      name: 'mmcblk0',
      id: [179, 0],
      bus: 'platform/fe330000.mmc/mmc_host/mmc0/mmc0:0001',
      partition: 'mmcblk0p1',
      files: { 'device/type': 'MMC\n', 'device/pre_eol_info': '0x03\n' },
    },
    { kind: 'emmc', isHealthy: false },
  ],
  [
    'an SD card',
    {
      name: 'mmcblk1',
      id: [179, 32],
      bus: 'platform/emmc2bus/fe340000.mmc/mmc_host/mmc1/mmc1:aaaa',
      partition: 'mmcblk1p1',
      files: { 'device/type': 'SD\n', 'device/name': 'SC64G\n', 'queue/rotational': '0\n' },
    },
    { kind: 'sd', model: 'SC64G', isHealthy: undefined },
  ],
  [
    'a disk on USB, whatever it says of its turning',
    {
      ...hdd,
      bus: usb,
      files: {
        'queue/rotational': '1\n',
        'device/vendor': 'SanDisk \n',
        'device/model': 'Ultra\n',
      },
    },
    { kind: 'usb', model: 'SanDisk Ultra' },
  ],
  [
    'a virtio disk',
    {
      name: 'vda',
      id: [254, 0],
      bus: 'pci0000:00/0000:00:05.0/virtio2',
      partition: 'vda1',
      files: { 'queue/rotational': '1\n', 'queue/scheduler': '[none] mq-deadline\n' },
    },
    { name: 'vda', kind: 'virtual', scheduler: 'none' },
  ],
  [
    'a disk of Xen',
    { name: 'xvda', id: [202, 0], bus: 'vbd-51712', partition: 'xvda1' },
    { kind: 'virtual' },
  ],
  [
    'a SCSI disk that QEMU makes up',
    {
      ...hdd,
      files: {
        'queue/rotational': '1\n',
        'device/vendor': 'QEMU\n',
        'device/model': 'QEMU HARDDISK\n',
      },
    },
    { kind: 'virtual' },
  ],
  [
    'a disk over iSCSI, of which nothing can be told',
    { ...hdd, bus: 'platform/host5/session1/target5:0:0/5:0:0:0' },
    { kind: undefined },
  ],
]

test.each(kinds)('tells %s', async (_what, tree, expected) => {
  const [major, minor] = tree.id
  const mounts = mountLine(`${major}:${minor + 1}`, '/', ['ext4', `/dev/${tree.partition}`])
  const roots = await hostWith(diskTree(tree), { 'proc/self/mountinfo': mounts })
  const disks = await findDisks(['/nix'], roots)
  expect(disks).toHaveLength(1)
  expect(disks[0]).toMatchObject({ filesystem: 'ext4', mountPoint: '/', ...expected })
})

test('tells room and inodes of the file system, and its options', async () => {
  const roots = await hostWith(diskTree(hdd), {
    'nix/store/': '',
    'proc/self/mountinfo': mountLine('8:1', '/nix', ['ext4', '/dev/sda1', 'rw,discard']),
  })
  const [disk] = await findDisks(['/nix'], roots)
  // the fixture lies in a real file system, of which statfs(2) tells
  expect(disk?.totalBytes).toBeGreaterThan(0)
  expect(disk?.freeBytes).toBeLessThanOrEqual(disk?.totalBytes as number)
  expect(disk?.freeInodeShare).toBeLessThanOrEqual(1)
  expect(disk?.mountOptions).toEqual(['rw', 'noatime', 'discard'])
})

test('finds the disk beneath encryption and LVM, and the disks of a RAID', async () => {
  const second = { ...hdd, name: 'sdb', id: [8, 16], bus: sata.replaceAll('0:', '1:') } as const
  const roots = await hostWith(
    diskTree(hdd),
    diskTree({
      ...second,
      partition: 'sdb1',
      files: { 'queue/rotational': '0\n', 'device/model': 'fast one\n' },
    }),
    diskTree({ name: 'dm-0', id: [253, 0], bus: 'virtual', slaves: ['sda1'] }),
    diskTree({
      name: 'dm-1',
      id: [253, 1],
      bus: 'virtual',
      slaves: ['dm-0'],
      files: { 'dm/name': 'vg-root\n' },
    }),
    diskTree({
      name: 'md0',
      id: [9, 0],
      bus: 'virtual',
      slaves: ['sda1', 'sdb1'],
      files: { 'md/degraded': '1\n' },
    }),
    {
      'proc/self/mountinfo':
        mountLine('253:1', '/', ['ext4', '/dev/mapper/vg-root']) +
        mountLine('9:0', '/nix', ['ext4', '/dev/md0']),
    },
  )
  const [raid, root, ...more] = await findDisks(['/nix', '/'], roots)
  expect(raid).toMatchObject({
    ...{ name: 'sda+sdb', kind: 'hdd', isHealthy: false },
    model: 'WDC WD5000AAKX-0, fast one',
  })
  expect(root).toMatchObject({ name: 'sda', kind: 'hdd', isHealthy: undefined })
  expect(more).toEqual([])
})

test('finds the disks of btrfs, whose device number is its own', async () => {
  const second = { ...hdd, name: 'sdb', id: [8, 16], bus: usb, partition: 'sdb1' } as const
  const roots = await hostWith(
    diskTree({ ...hdd, files: { 'queue/rotational': '0\n' } }),
    diskTree(second),
    {
      'sys/fs/btrfs/5c0a/devices/sda1/x': '',
      'sys/fs/btrfs/5c0a/devices/sdb1/x': '',
      'sys/fs/btrfs/features/x': '',
      'proc/self/mountinfo':
        mountLine('0:31', '/', ['btrfs', '/dev/sda1', 'rw,compress=zstd:3']) +
        mountLine('0:31', '/home', ['btrfs', '/dev/sda1']),
    },
  )
  const disks = await findDisks(['/nix'], roots)
  expect(disks).toHaveLength(1)
  expect(disks[0]).toMatchObject({ name: 'sda+sdb', kind: 'usb', filesystem: 'btrfs' })
  expect(disks[0]?.mountOptions).toContain('compress=zstd:3')
})

test('finds btrfs on an encrypted disk by its name in /dev/mapper', async () => {
  const roots = await hostWith(
    diskTree(hdd),
    diskTree({
      name: 'dm-0',
      id: [253, 0],
      bus: 'virtual',
      slaves: ['sda1'],
      files: { 'dm/name': 'cryptroot\n' },
    }),
    { 'proc/self/mountinfo': mountLine('0:31', '/', ['btrfs', '/dev/mapper/cryptroot']) },
  )
  expect(await findDisks(['/'], roots)).toMatchObject([{ name: 'sda', kind: 'hdd' }])
})

test('finds the disks of a ZFS pool where udev knows them', async () => {
  const second = { ...hdd, name: 'sdb', id: [8, 16], bus: usb, partition: 'sdb1' } as const
  const member = (pool: string) =>
    `S:disk/by-label/x\nE:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=${pool}\n`
  const roots = await hostWith(diskTree(hdd), diskTree(second), {
    'run/udev/data/b8:1': member('tank'),
    'run/udev/data/b8:17': member('backup'),
    'proc/self/mountinfo': mountLine('0:33', '/nix', ['zfs', 'tank/local/nix']),
  })
  expect(await findDisks(['/nix'], roots)).toMatchObject([
    { name: 'sda', kind: 'hdd', filesystem: 'zfs', mountPoint: '/nix' },
    { name: 'sdb', mountPoint: undefined },
  ])
})

test('memory is told as memory, and what is elsewhere as unknown', async () => {
  const roots = await hostWith({
    'proc/self/mountinfo':
      mountLine('0:28', '/', ['overlay', 'overlay', 'rw,upperdir=/x']) +
      mountLine('0:29', '/nix', ['tmpfs', 'tmpfs']) +
      mountLine('0:30', '/srv', ['nfs4', 'server:/export']) +
      mountLine('0:33', '/tank', ['zfs', 'tank/nix']),
  })
  const disks = await findDisks(['/nix', '/srv', '/tank/cache', '/'], roots)
  expect(disks.map(({ name, kind, filesystem }) => [name, kind, filesystem])).toEqual([
    ['tmpfs', 'tmpfs', 'tmpfs'],
    ['server:/export', undefined, 'nfs4'],
    ['tank/nix', undefined, 'zfs'],
    ['overlay', undefined, 'overlay'],
  ])
})

test('lists the disk of the store first, others after it, and those nobody uses', async () => {
  const second = { ...hdd, name: 'sdb', id: [8, 16], bus: usb, partition: 'sdb1' } as const
  const idle = { ...hdd, name: 'sdc', id: [8, 32], bus: `${sata}/c` } as const
  const roots = await hostWith(
    ...[hdd, second, idle].map(diskTree),
    // a reader of cards without a card, and what stands for memory
    diskTree({ ...hdd, name: 'sdd', id: [8, 48], bus: `${usb}/d`, files: { size: '0\n' } }),
    diskTree({ name: 'zram0', id: [252, 0], bus: 'virtual' }),
    diskTree({ name: 'loop0', id: [7, 0], bus: 'virtual' }),
    {
      'proc/self/mountinfo':
        mountLine('8:1', '/', ['ext4', '/dev/sda1']) +
        mountLine('0:21', '/proc', ['proc', 'proc']) +
        mountLine('7:0', '/snap/x', ['squashfs', '/dev/loop0']) +
        mountLine('8:1', '/boot/efi', ['vfat', '/dev/sda1']) +
        mountLine('8:17', '/mnt/usb', ['ext4', '/dev/sdb1']) +
        mountLine('8:17', '/mnt/again', ['ext4', '/dev/sdb1']),
    },
  )
  const disks = await findDisks(['/mnt/usb/narwhal'], roots)
  expect(disks.map(({ name, mountPoint }) => [name, mountPoint])).toEqual([
    ['sdb', '/mnt/usb'],
    ['sda', '/'],
    ['sdc', undefined],
  ])
})

test('a directory is looked for where its symbolic link leads', async () => {
  const second = { ...hdd, name: 'sdb', id: [8, 16], bus: usb, partition: 'sdb1' } as const
  const roots = await hostWith(diskTree(hdd), diskTree(second), {
    'mnt/usb/narwhal/x': '',
    'var/lib/narwhal': '-> mnt/usb/narwhal',
    'proc/self/mountinfo':
      mountLine('8:1', '/', ['ext4', '/dev/sda1']) +
      mountLine('8:17', '/mnt/usb', ['ext4', '/dev/sdb1']),
  })
  expect((await findDisks(['/var/lib/narwhal'], roots))[0]?.name).toBe('sdb')
})

test('no mounts and no disks are an empty list', async () => {
  expect(await findDisks(['/nix'], await hostWith({ 'proc/x': '' }))).toEqual([])
})

test('of the mounts around a path the deepest counts, and of several there the last', async () => {
  const roots = await hostWith({
    'proc/self/mountinfo':
      mountLine('8:1', '/', ['ext4', '/dev/sda1']) +
      mountLine('8:2', '/nix', ['ext4', '/dev/sda2']) +
      mountLine('8:3', '/nix', ['xfs', '/dev/sda3']) +
      mountLine('8:4', '/with\\040blank', ['ext4', '/dev/sda4']) +
      'nonsense\n',
  })
  const mounts = readMounts(roots)
  expect(mountOf('/nix/store', mounts)?.source).toBe('/dev/sda3')
  expect(mountOf('/nixos', mounts)?.source).toBe('/dev/sda1')
  expect(mountOf('/with blank/x', mounts)?.source).toBe('/dev/sda4')
  expect(mountOf('/nix', [])).toBe(undefined)
})
