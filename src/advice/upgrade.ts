import { formatSize, GiB } from '../units.ts'
import { figures } from './figures.ts'
import type { Machine } from './machine.ts'
import { formatBitSpeed, formatByteSpeed } from './rates.ts'
import type { Role } from './roles.ts'
import { buildSlots } from './slots.ts'
import { diskNames, diskSpeed, linkSpeed, mainDisk, mainLink } from './speeds.ts'
import type { Statement } from './verdict.ts'

/** The one change that helps most, and what it brings; `none` is an answer too. */
export interface Upgrade {
  readonly what: 'ram' | 'disk' | 'cable' | 'none'
  readonly because: Statement
}

/** What most upgrades aim at. */
const goodMemoryBytes = 8 * GiB

/**
 * The upgrade that helps a role most, by arithmetic: builders first need memory, whoever serves over
 * WiFi or a slow port a cable, and then whatever is the slower of disk and link.
 */
export function bestUpgrade(machine: Machine, role: Role): Upgrade {
  return (
    failingDisk(machine) ??
    moreMemory(machine, role) ??
    cable(machine) ??
    fasterDisk(machine, role) ??
    none(machine)
  )
}

/** Spending nothing is an answer too; but what is unknown may hold the rest back. */
function none(machine: Machine): Upgrade {
  const unknown = [
    diskSpeed(machine) === undefined && 'the disk',
    linkSpeed(machine) === undefined && 'the link',
  ].filter((part) => part !== false)
  return {
    what: 'none',
    because: {
      text:
        unknown.length === 0
          ? 'None: no part of this machine holds the others back. Spend nothing; change settings.'
          : `None that is known to help: how fast ${unknown.join(' and ')} ${unknown.length === 1 ? 'is, is' : 'are, is'} not known. Measure before you buy.`,
      source: 'the arithmetic above',
      check: unknown.length === 0 ? 'narwhal plan --budget 100' : 'narwhal diagnose --measure',
    },
  }
}

function failingDisk(machine: Machine): Upgrade | undefined {
  if (mainDisk(machine)?.isHealthy !== false) return undefined
  return {
    what: 'disk',
    because: {
      text: 'A new disk, before anything else: this one is failing.',
      source: 'SMART overall health',
      check: 'smartctl -H',
    },
  }
}

/** A build slot more for every 2 GiB; a proxy needs no more than 1 GB. */
function moreMemory(machine: Machine, role: Role): Upgrade | undefined {
  const { totalBytes } = machine.memory
  const isTooSmall = role === 'builder' ? totalBytes < 7 * GiB : totalBytes < 0.875 * GiB
  const isKilling = (machine.troubles.oomKills ?? 0) > 0
  if (!isTooSmall && !isKilling) return undefined
  const targetBytes = nextSize(Math.max(totalBytes, role === 'builder' ? 4 * GiB : 1 * GiB))
  const now = buildSlots(machine).count
  const then = buildSlots({ ...machine, memory: { ...machine.memory, totalBytes: targetBytes } })
  return {
    what: 'ram',
    because: {
      text:
        role === 'builder' || isKilling
          ? `Memory: with ${formatSize(targetBytes)}, ${then.count} compile ${then.count === 1 ? 'process' : 'processes'} at once instead of ${now}.`
          : `Memory: ${formatSize(targetBytes)} make it a proxy without ifs.`,
      formula: then.because.formula ?? '',
      source: figures.buildJobBytes.source,
      check: howToSeeSlots(machine),
    },
  }
}

/** Shops sell powers of two. */
function nextSize(bytes: number): number {
  if (bytes <= 1 * GiB) return 2 * GiB
  return Math.max(goodMemoryBytes, 2 ** (Math.floor(Math.log2((bytes * 8) / 7 / GiB)) + 1) * GiB)
}

/** What tells whether there is room for more. */
export function howToSeeSlots({ cpu, system }: Machine): string {
  if (cpu.architecture === 'arm64' && system.virtualization !== 'vm')
    return 'on most ARM boards it is soldered; then only another machine has more'
  return system.virtualization === 'vm' || system.virtualization === 'container'
    ? "a setting of the host, or the provider's next plan"
    : 'dmidecode -t memory (maximum capacity, free slots); soldered memory cannot'
}

function cable(machine: Machine): Upgrade | undefined {
  const link = mainLink(machine)
  const isSlow = link?.bitsPerSecond !== undefined && link.bitsPerSecond < 1e9
  if (link?.kind !== 'wifi' && !isSlow) return undefined
  const now = linkSpeed(machine)
  const then = (1e9 * figures.gigabitPayloadShare.value) / 8
  return {
    what: 'cable',
    because: {
      text: `A cable to a gigabit port, about $5: ${now ? `${formatByteSpeed(then)} instead of ${formatByteSpeed(now.bytesPerSecond)}` : `${formatByteSpeed(then)}, always`}${link.kind === 'wifi' ? ', and 0.1 to 0.5 ms instead of 2 to 10 ms' : ''}.`,
      formula: `1 Gbit/s × ${figures.gigabitPayloadShare.value} / 8 = ${formatByteSpeed(then)}${now ? `; ${now.formula}` : ''}`,
      source: figures.gigabitPayloadShare.source,
      check: 'narwhal direct-network --advise',
    },
  }
}

function fasterDisk(machine: Machine, role: Role): Upgrade | undefined {
  const kind = mainDisk(machine)?.kind
  if (kind === 'ssd') return nvme(machine)
  const isSlowKind = kind === 'sd' || kind === 'usb' || kind === 'emmc' || kind === 'hdd'
  if (kind === undefined || !isSlowKind) return undefined
  const disk = diskSpeed(machine)
  const link = linkSpeed(machine)
  const isBound = !disk || !link || disk.bytesPerSecond < link.bytesPerSecond
  if (!isBound && kind !== 'hdd' && role !== 'builder') return undefined
  const then = figures.ssdBytesPerSecond.value
  const served = link ? Math.min(then, link.bytesPerSecond) : then
  return {
    what: 'disk',
    because: {
      text:
        isBound && disk
          ? `A SATA SSD: NARs leave at ${formatByteSpeed(served)} instead of ${formatByteSpeed(disk.bytesPerSecond)}.`
          : `A SATA SSD: one reader of a ${diskNames[kind]} fills the line, several at once do not; ${figures.ssdReadsPerSecond.value.toLocaleString('en')} random reads a second instead of ${figures.hddReadsPerSecond.value}.`,
      formula: `min(${formatByteSpeed(then)}, ${link ? `${formatBitSpeed(link.bytesPerSecond * 8)} of the link` : 'the link'}) = ${formatByteSpeed(served)}`,
      source: figures.ssdBytesPerSecond.source,
      check: 'narwhal diagnose --measure',
    },
  }
}

/** Only a link of more than 5 Gbit/s is faster than a SATA SSD. */
function nvme(machine: Machine): Upgrade | undefined {
  const disk = diskSpeed(machine)
  const link = linkSpeed(machine)
  if (!disk || !link || disk.bytesPerSecond >= link.bytesPerSecond) return undefined
  const then = Math.min(figures.nvmeBytesPerSecond.value, link.bytesPerSecond)
  return {
    what: 'disk',
    because: {
      text: `An NVMe SSD: what is not in memory leaves at ${formatByteSpeed(then)} instead of ${formatByteSpeed(disk.bytesPerSecond)}.`,
      formula: `min(${formatByteSpeed(figures.nvmeBytesPerSecond.value)}, ${link.formula}) = ${formatByteSpeed(then)}`,
      source: figures.nvmeBytesPerSecond.source,
      check: 'narwhal diagnose --measure',
    },
  }
}
