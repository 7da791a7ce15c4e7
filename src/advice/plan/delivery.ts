import { KiB } from '../../units.ts'
import { type FigureName, figures } from '../figures.ts'
import type { Disk, DiskKind, Machine } from '../machine.ts'
import { formatByteSpeed } from '../rates.ts'
import { linkSpeed, mainLink, type Speed } from '../speeds.ts'
import type { Statement } from '../verdict.ts'

/** How fast a machine hands NARs to its clients, and what stops it from being faster. */
export interface Delivery {
  /** 16 NARs at once that are not in the page cache, as Nix fetches them; undefined: not known */
  readonly diskBytesPerSecond: number | undefined
  readonly linkBytesPerSecond: number | undefined
  /** the lesser of the two that is known; undefined when neither is */
  readonly bytesPerSecond: number | undefined
  readonly because: Statement
}

/** What the kernel reads ahead of one reader by default: /sys/block/…/queue/read_ahead_kb. */
const readAheadBytes = 128 * KiB

/** Sequential bytes a second, and 4 KiB reads a second, by kind of disk. */
const diskFigures: Readonly<
  Partial<Record<DiskKind, { readonly sequential: FigureName; readonly reads: FigureName }>>
> = {
  hdd: { sequential: 'hddBytesPerSecond', reads: 'hddReadsPerSecond' },
  ssd: { sequential: 'ssdBytesPerSecond', reads: 'ssdReadsPerSecond' },
  nvme: { sequential: 'nvmeBytesPerSecond', reads: 'nvmeReadsPerSecond' },
  emmc: { sequential: 'emmcBytesPerSecond', reads: 'emmcReadsPerSecond' },
  sd: { sequential: 'sdBytesPerSecond', reads: 'sdReadsPerSecond' },
  // A stick or a disk: whatever it is, it is at least an SD card's equal in reads.
  usb: { sequential: 'usb2BytesPerSecond', reads: 'sdReadsPerSecond' },
}

/** What TCP carries over a full gigabit link: more than this, one machine's clients hardly use. */
export const gigabitBytesPerSecond = (1e9 / 8) * figures.gigabitPayloadShare.value

/** Foretells how fast this machine serves; measurements go before figures. */
export function delivery(machine: Machine): Delivery {
  const disk = diskRate(machine)
  const link = linkRate(machine)
  const rates = [disk, link].flatMap((part) => part.bytesPerSecond ?? [])
  const bytesPerSecond = rates.length === 0 ? undefined : Math.min(...rates)
  const bound = disk.bytesPerSecond === bytesPerSecond ? 'disk' : 'link'
  return {
    diskBytesPerSecond: disk.bytesPerSecond,
    linkBytesPerSecond: link.bytesPerSecond,
    bytesPerSecond,
    because: {
      text:
        bytesPerSecond === undefined
          ? 'Neither disk nor link tell what they are, so nothing is foretold of their speed.'
          : `It hands out ${formatByteSpeed(bytesPerSecond)} of NARs that are not in memory; the ${bound} sets that.`,
      formula: `min(disk: ${disk.formula}; link: ${link.formula})`,
      source: 'data sheets and line rates, or measured here; 16 NARs at once as Nix fetches them',
      check: 'narwhal bench http://localhost:5000; narwhal diagnose --measure',
    },
  }
}

interface Rate {
  readonly bytesPerSecond: number | undefined
  readonly formula: string
}

/**
 * Many readers make a disk jump from one file to the next: each jump costs a random read, and then
 * comes what the kernel reads ahead.
 */
function diskRate({ disks, measured }: Machine): Rate {
  const [disk] = disks
  if (disk?.kind === 'tmpfs') return { bytesPerSecond: undefined, formula: 'memory, no bound' }
  const known = disk?.kind === undefined ? undefined : diskFigures[disk.kind]
  const sequential = measured.diskReadBytesPerSecond ?? (known && figures[known.sequential].value)
  const reads = measured.diskRandomReadsPerSecond ?? (known && figures[known.reads].value)
  if (sequential === undefined || reads === undefined)
    return { bytesPerSecond: undefined, formula: 'unknown' }
  const bytesPerSecond = readAheadBytes / (1 / reads + readAheadBytes / sequential)
  const each = `128 KiB / (1/${reads} s + 128 KiB / ${formatByteSpeed(sequential)})`
  return { bytesPerSecond, formula: `${each} = ${formatByteSpeed(bytesPerSecond)}` }
}

function linkRate(machine: Machine): Rate {
  const link = mainLink(machine)
  const speed = linkSpeed(machine) ?? wifiSpeed(machine)
  if (speed === undefined) return { bytesPerSecond: undefined, formula: 'unknown' }
  if (speed.isMeasured || link?.duplex !== 'half') return speed
  // Data and acknowledgements, and the collisions of both, share the line.
  const bytesPerSecond = speed.bytesPerSecond * figures.wifiShare.value
  const half = `half duplex: × ${figures.wifiShare.value} = ${formatByteSpeed(bytesPerSecond)}`
  return { bytesPerSecond, formula: `${speed.formula}; ${half}` }
}

/** WiFi that does not tell its rate gets the one of a common station. */
function wifiSpeed(machine: Machine): Speed | undefined {
  const [link, ...others] = machine.links
  if (link?.kind !== 'wifi') return undefined
  const assumed = { ...link, bitsPerSecond: figures.wifiBitsPerSecond.value }
  return linkSpeed({ ...machine, links: [assumed, ...others] })
}

/** The share of a disk that is free; undefined when it does not tell. */
export function freeShare(disk: Disk | undefined): number | undefined {
  if (disk?.freeBytes === undefined || disk.totalBytes === undefined) return undefined
  return disk.totalBytes > 0 ? disk.freeBytes / disk.totalBytes : undefined
}
