import { formatSize, GiB } from '../../units.ts'
import type { Bottleneck } from '../bottleneck.ts'
import { figures } from '../figures.ts'
import type { Disk, DiskKind, Machine } from '../machine.ts'
import { formatBitSpeed, formatByteSpeed, formatShare } from '../rates.ts'
import { diskNames, diskSpeed, linkSpeed, mainDisk } from '../speeds.ts'
import { busyShare } from '../upgrade-need.ts'
import type { Alternative } from '../verdict.ts'

const fullShare = 0.05
const nearlyFullShare = 0.1
const leastFreeBytes = 2 * GiB
const ioPressureShare = 0.2

const ssd: Alternative = {
  kind: 'upgrade',
  text: 'A SATA SSD for the store and the cache: 90,000 random reads a second.',
  cost: 'narwhal plan --budget prices it',
}
const nvme: Alternative = {
  kind: 'upgrade',
  text: 'An NVMe SSD, 3.5 GB/s, where the board has a slot for it.',
  cost: 'narwhal plan --budget prices it',
}
const morePages: Alternative = {
  kind: 'workaround',
  text: 'Memory that nobody uses caches what is asked for often: leave some.',
}
const garbage: Alternative = {
  kind: 'workaround',
  text: 'Delete old generations: nix-collect-garbage --delete-older-than 14d (never -d: it takes the way back with it).',
}
const lessLoad: Alternative = {
  kind: 'workaround',
  text: 'Fewer builds and downloads at once, garbage collection at night; a GC frees room but does not make a busy disk faster.',
}

/** What is wrong with the main disk, or bounds the machine by it. */
export function diskBottlenecks(machine: Machine): Bottleneck[] {
  const disk = mainDisk(machine)
  if (!disk) return []
  return [
    ...unhealthy(disk),
    ...full(disk),
    ...inodes(disk),
    ...busy(machine),
    ...ofKind(machine, disk.kind),
    ...slowerThanLink(machine),
  ]
}

function unhealthy({ isHealthy, name }: Disk): Bottleneck[] {
  if (isHealthy !== false) return []
  return [
    {
      id: 'disk-failing',
      part: 'disk',
      severity: 'fault',
      statement: {
        text: `The disk ${name} says of itself that it is failing.`,
        source: 'SMART overall health',
        check: `smartctl -H /dev/${name}`,
      },
      actions: [
        {
          kind: 'upgrade',
          text: 'Replace it now; copy what is only here first: own builds, keys.',
        },
      ],
    },
  ]
}

function full({ freeBytes, totalBytes, mountPoint }: Disk): Bottleneck[] {
  if (freeBytes === undefined) return []
  const share = totalBytes ? freeBytes / totalBytes : undefined
  const isFull = (share !== undefined && share < fullShare) || freeBytes < leastFreeBytes / 2
  const isNear = (share !== undefined && share < nearlyFullShare) || freeBytes < leastFreeBytes
  if (!isFull && !isNear) return []
  const of = totalBytes === undefined ? '' : ` of ${formatSize(totalBytes)}`
  return [
    {
      id: isFull ? 'disk-full' : 'disk-nearly-full',
      part: 'disk',
      severity: isFull ? 'fault' : 'warning',
      statement: {
        text: `${formatSize(freeBytes)}${of} are free${mountPoint ? ` on ${mountPoint}` : ''}.`,
        formula:
          share === undefined
            ? `${formatSize(freeBytes)} < ${formatSize(leastFreeBytes)}`
            : `${formatShare(share)} < ${formatShare(isFull ? fullShare : nearlyFullShare)}, or less than ${formatSize(isFull ? leastFreeBytes / 2 : leastFreeBytes)}`,
        source: 'narwhal keeps cache.min_free (5 %) free; builds and updates need room too',
        check: 'df -h; nix-store --gc --print-dead | wc -l',
      },
      actions: [
        garbage,
        { kind: 'workaround', text: 'A smaller cache: narwhal gc --max-size, and cache.max_size.' },
        { kind: 'upgrade', text: 'A larger disk.', cost: 'narwhal plan --budget prices it' },
      ],
    },
  ]
}

function inodes({ freeInodeShare, mountPoint }: Disk): Bottleneck[] {
  if (freeInodeShare === undefined || freeInodeShare >= fullShare) return []
  return [
    {
      id: 'inodes-gone',
      part: 'disk',
      severity: 'fault',
      statement: {
        text: `Only ${formatShare(freeInodeShare)} of the inodes are free: no new files, whatever room there is.`,
        formula: `${formatShare(freeInodeShare)} < ${formatShare(fullShare)}`,
        source: 'statfs(2)',
        check: `df -i ${mountPoint ?? '/'}`,
      },
      actions: [
        garbage,
        { kind: 'workaround', text: 'Link equal files: nix-store --optimise.' },
        { kind: 'alternative', text: 'A file system without a fixed number: btrfs or xfs.' },
      ],
    },
  ]
}

function busy(machine: Machine): Bottleneck[] {
  const { diskUtilization, ioPressure } = machine.troubles
  const isBusy = diskUtilization !== undefined && diskUtilization >= busyShare
  const isWaitedFor = ioPressure !== undefined && ioPressure >= ioPressureShare
  if (!isBusy && !isWaitedFor) return []
  const kind = mainDisk(machine)?.kind
  const isSsd = kind === 'ssd' || kind === 'nvme'
  const facts = [
    isBusy && `the disk is at work ${formatShare(diskUtilization)} of the time`,
    isWaitedFor && `programs waited for it in ${formatShare(ioPressure)} of the last five minutes`,
  ].filter((fact) => fact !== false)
  const text = facts.join(', and ')
  return [
    {
      id: 'disk-busy',
      part: 'disk',
      severity: 'fault',
      statement: {
        text: `${text[0]?.toUpperCase()}${text.slice(1)}.`,
        formula: [
          isBusy && `${formatShare(diskUtilization)} ≥ ${formatShare(busyShare)}`,
          isWaitedFor && `${formatShare(ioPressure)} ≥ ${formatShare(ioPressureShare)}`,
        ]
          .filter(Boolean)
          .join('; '),
        source: '/proc/diskstats; docs.kernel.org, PSI: some avg300',
        check: 'iostat -x 5; cat /proc/pressure/io; iotop -o',
      },
      actions: isSsd ? [lessLoad] : [lessLoad, ssd],
    },
  ]
}

/** Kinds of disk that hold a cache back, and why. */
function ofKind(machine: Machine, kind: DiskKind | undefined): Bottleneck[] {
  const limit = (text: string, formula: string, actions: Bottleneck['actions']): Bottleneck[] => [
    {
      id: kind ?? '',
      part: 'disk',
      severity: kind === 'tmpfs' ? 'warning' : 'limit',
      statement: {
        text,
        formula,
        source: figures.hddReadsPerSecond.source,
        check: 'lsblk -d -o NAME,ROTA,TRAN,MODEL; narwhal diagnose --measure',
      },
      actions,
    },
  ]
  const reads = figures.ssdReadsPerSecond.value.toLocaleString('en')
  if (kind === 'hdd')
    return limit(
      'A hard disk reads one file after the other well and many at once badly: several readers, GC and builds wait for its arm.',
      `${figures.hddReadsPerSecond.value} random reads a second, against ${reads} of a SATA SSD`,
      [ssd, lessLoad],
    )
  if (kind === 'sd')
    return limit(
      'An SD card is slow and wears out; it fails without a warning.',
      `${formatByteSpeed(figures.sdBytesPerSecond.value)} read in sequence, 7 to 40 MB/s written`,
      [
        { ...ssd, text: 'An SSD on USB 3 for the store and the cache.' },
        {
          kind: 'workaround',
          text: 'Keep nothing on it that exists nowhere else: own builds, keys.',
        },
      ],
    )
  if (kind === 'usb')
    return limit(
      `A disk on USB may be as slow as USB 2, ${formatByteSpeed(figures.usb2BytesPerSecond.value)}.`,
      `480 Mbit/s less protocol = ${formatByteSpeed(figures.usb2BytesPerSecond.value)}; USB 3 reaches ten times that`,
      [
        {
          kind: 'workaround',
          text: 'A port and a cable of USB 3 (blue); lsusb -t says 5000M.',
          cost: 'a cable',
        },
        ssd,
      ],
    )
  if (kind === 'emmc' && machine.measured.diskReadBytesPerSecond === undefined)
    return limit(
      'eMMC reads 100 to 300 MB/s in sequence, and much less while it writes.',
      `${formatByteSpeed(figures.emmcBytesPerSecond.value)} taken for it`,
      [{ ...ssd, text: 'An SSD for the cache, where the machine has a slot or USB 3.' }],
    )
  if (kind === 'tmpfs')
    return limit(
      'The cache is in memory: it takes from builds, and a restart empties it.',
      'a file system of type tmpfs',
      [{ kind: 'alternative', text: 'A directory on a disk: data_dir.' }],
    )
  return []
}

function slowerThanLink(machine: Machine): Bottleneck[] {
  const disk = diskSpeed(machine)
  const link = linkSpeed(machine)
  if (!disk || !link || disk.bytesPerSecond >= link.bytesPerSecond) return []
  const share = disk.bytesPerSecond / link.bytesPerSecond
  const kind = mainDisk(machine)?.kind
  return [
    {
      id: 'disk-slower-than-link',
      part: 'disk',
      severity: 'limit',
      statement: {
        text: `The ${kind ? diskNames[kind] : 'disk'} cannot fill the link: ${formatByteSpeed(disk.bytesPerSecond)} of ${formatByteSpeed(link.bytesPerSecond)} (${formatBitSpeed(disk.bytesPerSecond * 8)}), but for what is in memory.`,
        formula: `${disk.formula}; ${link.formula}; ${formatShare(share)}`,
        source: disk.source,
        check: 'narwhal diagnose --measure',
      },
      actions: kind === 'ssd' ? [nvme, morePages] : kind === 'nvme' ? [morePages] : [ssd],
    },
  ]
}
