import { figures } from './figures.ts'
import type { Disk, DiskKind, Link, Machine } from './machine.ts'
import { formatBitSpeed, formatByteSpeed } from './rates.ts'

/** A speed, and what it rests on. */
export interface Speed {
  readonly bytesPerSecond: number
  /** a clause with the arithmetic: "1 Gbit/s × 0.9415 / 8 = 117.7 MB/s" */
  readonly formula: string
  readonly source: string
  readonly isMeasured: boolean
}

const sequential: Readonly<Record<DiskKind, keyof typeof figures | undefined>> = {
  hdd: 'hddBytesPerSecond',
  ssd: 'ssdBytesPerSecond',
  nvme: 'nvmeBytesPerSecond',
  emmc: 'emmcBytesPerSecond',
  sd: 'sdBytesPerSecond',
  usb: 'usb2BytesPerSecond',
  virtual: undefined,
  tmpfs: undefined,
}

export const diskNames: Readonly<Record<DiskKind, string>> = {
  hdd: 'hard disk',
  ssd: 'SATA SSD',
  nvme: 'NVMe SSD',
  emmc: 'eMMC',
  sd: 'SD card',
  usb: 'USB disk',
  virtual: 'virtual disk',
  tmpfs: 'file system in memory',
}

/** "a hard disk", "an SSD": as they are said. */
export function withArticle(name: string): string {
  return `${/^(?:SD|eMMC|NVMe)/.test(name) ? 'an' : 'a'} ${name}`
}

/** The disk that holds the Nix store and the cache; undefined where none is known. */
export function mainDisk({ disks }: Machine): Disk | undefined {
  return disks[0]
}

/** Share of the disk that narwhal and Nix both keep free: cache.min_free, min-free. */
export const minFreeShare = 0.05

/** Free space less what always stays free; undefined where it is not known. */
export function usableBytes({ freeBytes, totalBytes }: Disk): number | undefined {
  if (freeBytes === undefined) return undefined
  return Math.max(0, freeBytes - (totalBytes ?? freeBytes) * minFreeShare)
}

/** The link clients come over; undefined where none is known. */
export function mainLink({ links }: Machine): Link | undefined {
  return links[0]
}

/** Reading long files from the main disk: measured, or as its kind does; undefined where unknown. */
export function diskSpeed(machine: Machine): Speed | undefined {
  const measured = machine.measured.diskReadBytesPerSecond
  if (measured !== undefined) return measuredSpeed(measured, 'the disk, read in sequence')
  const kind = mainDisk(machine)?.kind
  const name = kind && sequential[kind]
  if (!kind || !name) return undefined
  const { value, source } = figures[name]
  const formula = `${diskNames[kind]}: ${formatByteSpeed(value)}`
  return { bytesPerSecond: value, formula, source, isMeasured: false }
}

/** Payload of the link clients come over; undefined where its rate is unknown. */
export function linkSpeed(machine: Machine): Speed | undefined {
  const measured = machine.measured.linkBytesPerSecond
  if (measured !== undefined) return measuredSpeed(measured, 'the link')
  const link = mainLink(machine)
  const rate = link?.bitsPerSecond
  if (!link || rate === undefined) return undefined
  const figure = link.kind === 'wifi' ? figures.wifiShare : figures.gigabitPayloadShare
  const bytesPerSecond = (rate * figure.value) / 8
  return {
    bytesPerSecond,
    formula: `${formatBitSpeed(rate)} × ${figure.value} / 8 = ${formatByteSpeed(bytesPerSecond)}`,
    source: figure.source,
    isMeasured: false,
  }
}

/** What disk and link together let through, of a NAR that is not in memory; the link must be known. */
export function deliveredBytesPerSecond(machine: Machine): number | undefined {
  const link = linkSpeed(machine)
  if (!link) return undefined
  const disk = diskSpeed(machine)
  return Math.min(link.bytesPerSecond, disk?.bytesPerSecond ?? link.bytesPerSecond)
}

/** What a client takes of the line for one xz NAR: its own unpacking, with liblzma, holds it back. */
export const xzStreamBytesPerSecond =
  figures.xzDecodeBytesPerSecond.value * figures.xzPackedShare.value

function measuredSpeed(bytesPerSecond: number, what: string): Speed {
  return {
    bytesPerSecond,
    formula: `${what}: ${formatByteSpeed(bytesPerSecond)}`,
    source: 'measured here',
    isMeasured: true,
  }
}
