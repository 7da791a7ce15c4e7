import { formatSize } from '../../units.ts'
import type { Disk, Link, Machine } from '../machine.ts'
import { formatBitSpeed, formatByteSpeed, formatShare } from '../rates.ts'
import { diskNames } from '../speeds.ts'
import { table } from './markdown.ts'

const unknown = 'not known'

/** What the machine is, part for part; what is not known says so. */
export function hardwareTable(machine: Machine): string {
  const { cpu, memory, disks, links, system, troubles, measured } = machine
  const rows: (readonly [string, string])[] = [
    ['Processor', processor(cpu)],
    [
      'Memory',
      `${formatSize(memory.totalBytes)}${memory.isLimited ? ', set by a control group' : ''}`,
    ],
    ['Compressed swap (zram)', memory.zramBytes > 0 ? formatSize(memory.zramBytes) : 'none'],
    ['Swap on disk', memory.diskSwapBytes > 0 ? formatSize(memory.diskSwapBytes) : 'none'],
    ...(disks.length === 0 ? [['Disk', unknown] as const] : []),
    ...disks.map((disk) => [`Disk ${disk.name}`, diskText(disk)] as const),
    ...(links.length === 0 ? [['Link', unknown] as const] : []),
    ...links.map((link) => [`Link ${link.name}`, linkText(link)] as const),
    ['System', [system.distribution ?? unknown, system.kernel].filter(Boolean).join(', kernel ')],
    ['Virtual', system.virtualization ?? unknown],
    ['Nix', system.nixVersion ?? 'none, or not known'],
    ['Nix store', storeText(machine)],
    ['OOM kills since boot', String(troubles.oomKills ?? unknown)],
    ['Pressure (memory, disk, processor)', pressure(machine)],
    ['Measured: disk read', speed(measured.diskReadBytesPerSecond)],
    ['Measured: disk write', speed(measured.diskWriteBytesPerSecond)],
    ['Measured: link', speed(measured.linkBytesPerSecond)],
  ]
  return table(
    ['Part', 'Found', 'After the upgrade'],
    rows.map((row) => [...row, '']),
  )
}

function processor({ model, cores, threads, architecture }: Machine['cpu']): string {
  const count = `${cores} cores, ${threads} threads`
  return [model ?? 'model not known', count, architecture].filter(Boolean).join(', ')
}

function diskText({ kind, model, totalBytes, freeBytes, filesystem, isHealthy }: Disk): string {
  return [
    kind === undefined ? 'kind not known' : diskNames[kind],
    model,
    totalBytes === undefined ? 'size not known' : formatSize(totalBytes),
    freeBytes !== undefined && `${formatSize(freeBytes)} free`,
    filesystem,
    isHealthy === false && 'FAILING (SMART)',
  ]
    .filter((part) => part !== undefined && part !== false && part !== '')
    .join(', ')
}

function linkText({ kind, bitsPerSecond, duplex, isUp, hasDefaultRoute }: Link): string {
  return [
    kind === undefined ? 'kind not known' : kind === 'wifi' ? 'WiFi' : kind,
    bitsPerSecond === undefined ? 'rate not known' : formatBitSpeed(bitsPerSecond),
    duplex === 'half' && 'HALF duplex',
    isUp === false && 'down',
    hasDefaultRoute && 'default route',
  ]
    .filter(Boolean)
    .join(', ')
}

function storeText({ system: { storeBytes, storePathCount } }: Machine): string {
  if (storeBytes === undefined) return unknown
  const count = storePathCount === undefined ? '' : `, ${storePathCount} paths`
  return `${formatSize(storeBytes)}${count}`
}

function pressure({ troubles }: Machine): string {
  const all = [troubles.memoryPressure, troubles.ioPressure, troubles.cpuPressure]
  if (all.every((share) => share === undefined)) return unknown
  return all.map((share) => (share === undefined ? '–' : formatShare(share))).join(', ')
}

function speed(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? 'not measured yet' : formatByteSpeed(bytesPerSecond)
}
