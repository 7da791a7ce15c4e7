import { realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import {
  listSystemDirectory,
  readSystemFile,
  type SystemRoots,
  systemRoots,
} from './system-files.ts'

/** What a disk has done since the start of the machine. */
export interface DiskReading {
  /** "sda", "nvme0n1": a whole disk, never a partition. */
  readonly name: string
  readonly readBytes: number
  readonly writtenBytes: number
  /** Milliseconds in which it had something to do. */
  readonly busyMs: number
}

/** /proc/diskstats counts in sectors of this size, whatever the disk's own are. */
const sectorBytes = 512
/** What is no disk, or stands for disks that are listed themselves. */
const notADisk = /^(loop|ram|zram|dm-|md|sr|fd|nbd)/

/** Reads the kernel's disk statistics (docs.kernel.org/admin-guide/iostats.html). */
export function readDisks(roots: SystemRoots = systemRoots): DiskReading[] {
  const text = readSystemFile(roots.proc, 'diskstats') ?? ''
  const whole = new Set(listSystemDirectory(roots.sys, 'block'))
  return text.split('\n').flatMap((line) => {
    const [, , name = '', ...figures] = line.trim().split(/\s+/)
    if (!whole.has(name) || notADisk.test(name)) return []
    const at = (place: number) => Number(figures[place] ?? 0)
    return [
      {
        name,
        readBytes: at(2) * sectorBytes,
        writtenBytes: at(6) * sectorBytes,
        busyMs: at(9),
      },
    ]
  })
}

/**
 * The disks a directory lies on, through partitions, encryption and RAID.
 *
 * @returns none for a directory in memory or on the network, or that is not there
 */
export function disksUnder(directory: string, roots: SystemRoots = systemRoots): string[] {
  try {
    const { dev } = statSync(directory)
    const device = majorOf(dev) === 0 ? deviceOfMount(dev, roots) : dev
    return device === undefined ? [] : [...new Set(disksOf(idOf(device), roots))]
  } catch {
    return []
  }
}

/** Btrfs and others give their files a device number of their own; the mount names the real one. */
function deviceOfMount(dev: number, roots: SystemRoots): number | undefined {
  const mounts = readSystemFile(roots.proc, 'self/mountinfo') ?? ''
  const line = mounts.split('\n').find((line) => line.split(' ')[2] === idOf(dev))
  const source = line?.split(' - ')[1]?.split(' ')[1]
  return source?.startsWith('/dev/') ? statSync(source).rdev : undefined
}

function disksOf(id: string, roots: SystemRoots): string[] {
  const directory = realpathSync(join(roots.sys, 'dev/block', id))
  const isPartition = readSystemFile(directory, 'partition') !== undefined
  const disk = isPartition ? dirname(directory) : directory
  const parts = listSystemDirectory(disk, 'slaves')
  if (parts.length === 0) return [basename(disk)]
  return parts.flatMap((part) => {
    const partId = readSystemFile(disk, 'slaves', part, 'dev')?.trim()
    return partId === undefined ? [] : disksOf(partId, roots)
  })
}

function majorOf(dev: number): number {
  return Number((BigInt(dev) >> 8n) & 0xfffn)
}

/** Linux's encoding of device numbers, as "major:minor". */
function idOf(dev: number): string {
  const number = BigInt(dev)
  return `${majorOf(dev)}:${(number & 0xffn) | ((number >> 12n) & 0xfff00n)}`
}
