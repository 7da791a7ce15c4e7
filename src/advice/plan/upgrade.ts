import { figures } from '../figures.ts'
import type { Disk, Link, Machine } from '../machine.ts'
import type { Statement } from '../verdict.ts'
import type { Part } from './part.ts'

/** What of a machine is replaced; of two upgrades of one place only one is ever bought. */
export type UpgradePlace = 'memory' | 'disk' | 'link' | 'machine'

/** Something to buy for a machine, with what it changes and what to watch. */
export interface Upgrade {
  readonly place: UpgradePlace
  /** short: "memory to 8 GiB" */
  readonly title: string
  /** what it may cost at most, in hundredths; where several parts could be the right one, the dearest */
  readonly priceCents: number
  readonly parts: readonly PartChoice[]
  readonly change: MachineChange
  /** what has to hold for it to fit, and how to see that before paying */
  readonly cautions: readonly Statement[]
  /** after buying, in order */
  readonly steps: readonly string[]
}

/** One of these is bought: which, the machine decides. Mostly there is only one. */
export interface PartChoice {
  readonly options: readonly [Part, ...Part[]]
}

/** What a machine has afterwards; what is not named stays as it is. */
export interface MachineChange {
  readonly memoryBytes?: number
  readonly threads?: number
  readonly disk?: { readonly kind: 'ssd' | 'nvme'; readonly totalBytes: number }
  readonly linkBitsPerSecond?: number
}

/** Memory that Linux sees of modules of so many bytes. */
export function seenMemory(moduleBytes: number): number {
  return Math.round(moduleBytes * (1 - figures.firmwareMemoryShare.value))
}

/** The machine as it would be after buying. What was measured of a replaced part no longer holds. */
export function upgraded(machine: Machine, upgrades: readonly Upgrade[]): Machine {
  return upgrades.reduce((before, { change }) => changed(before, change), machine)
}

function changed(machine: Machine, change: MachineChange): Machine {
  const { memoryBytes, threads, disk, linkBitsPerSecond } = change
  const { diskReadBytesPerSecond, diskWriteBytesPerSecond, diskRandomReadsPerSecond, ...noDisk } =
    machine.measured
  const { linkBytesPerSecond, linkLatencyMs, linkLoss, ...noLink } = noDisk
  const withoutDisk = disk === undefined ? machine.measured : noDisk
  return {
    ...machine,
    ...(memoryBytes !== undefined && {
      memory: { ...machine.memory, totalBytes: Math.max(memoryBytes, machine.memory.totalBytes) },
    }),
    ...(threads !== undefined && { cpu: { ...machine.cpu, cores: threads, threads } }),
    ...(disk !== undefined && { disks: [newDisk(disk, machine), ...machine.disks] }),
    ...(linkBitsPerSecond !== undefined && {
      links: [newLink(linkBitsPerSecond), ...machine.links],
    }),
    measured: linkBitsPerSecond === undefined ? withoutDisk : noLink,
  }
}

function newDisk({ kind, totalBytes }: NonNullable<MachineChange['disk']>, machine: Machine): Disk {
  const storeBytes = machine.system.storeBytes ?? 0
  return {
    name: 'new',
    kind,
    model: undefined,
    totalBytes,
    freeBytes: Math.max(0, totalBytes - storeBytes),
    freeInodeShare: undefined,
    filesystem: undefined,
    mountPoint: '/nix',
    mountOptions: [],
    scheduler: undefined,
    isHealthy: undefined,
  }
}

function newLink(bitsPerSecond: number): Link {
  return {
    name: 'new',
    kind: 'ethernet',
    bitsPerSecond,
    duplex: 'full',
    driver: undefined,
    mtu: undefined,
    isUp: true,
    hasDefaultRoute: false,
    addresses: [],
  }
}

/** The dearest of the parts that might be the right one. */
export function dearest({ options }: PartChoice): Part {
  return options.reduce((most, part) => (part.priceCents > most.priceCents ? part : most))
}

export function priceOf(parts: readonly PartChoice[]): number {
  return parts.reduce((sum, choice) => sum + dearest(choice).priceCents, 0)
}
