import { formatSize } from '../../units.ts'
import { figures } from '../figures.ts'
import type { Machine } from '../machine.ts'
import { formatBitSpeed } from '../rates.ts'
import { usableThreads } from '../slots.ts'
import type { Statement } from '../verdict.ts'
import { delivery } from './delivery.ts'
import type { Demand } from './demand.ts'
import type { Workload } from './workload.ts'

/** One thing a workload needs, held against what a machine has. */
export interface GapRow {
  readonly what: 'memory' | 'threads' | 'disk' | 'delivery'
  readonly needed: string
  /** absent: the machine does not tell */
  readonly has?: string
  /** undefined where it is not known */
  readonly isEnough: boolean | undefined
  readonly because: Statement
}

/** Holds a machine against what a workload needs of it, one thing after the other. */
export function gapOf(machine: Machine, demand: Demand): GapRow[] {
  const { memory, threads, disk, network } = demand.statements
  const diskBytes = diskFor(machine)
  const bits = servedBits(machine)
  const row = (
    what: GapRow['what'],
    because: Statement,
    compared: { needed: number; has: number | undefined; format: (value: number) => string },
  ): GapRow => ({
    what,
    needed: compared.format(compared.needed),
    ...(compared.has !== undefined && { has: compared.format(compared.has) }),
    isEnough: compared.has === undefined ? undefined : compared.has >= compared.needed,
    because,
  })
  return [
    row('memory', memory, {
      needed: demand.memoryBytes,
      has: machine.memory.totalBytes,
      format: formatSize,
    }),
    row('threads', threads, {
      needed: demand.threads,
      has: usableThreads(machine),
      format: String,
    }),
    row('disk', disk, { needed: demand.diskBytes, has: diskBytes, format: formatSize }),
    row('delivery', network, { needed: demand.bitsPerSecond, has: bits, format: formatBitSpeed }),
  ]
}

/** True when nothing that is known is too little. */
export function isEnough(machine: Machine, demand: Demand): boolean {
  return gapOf(machine, demand).every((row) => row.isEnough !== false)
}

/** Compile processes at once of the size this workload has. */
export function slotsFor(
  machine: Pick<Machine, 'memory' | 'cpu'>,
  { buildMemoryBytes }: Workload,
): number {
  const { systemBytes, proxyBytes } = figures
  const left = machine.memory.totalBytes - systemBytes.value - proxyBytes.value
  const byMemory = Math.max(0, Math.floor(left / buildMemoryBytes))
  return Math.min(byMemory, usableThreads(machine as Machine))
}

/** What store and cache may take: what is free, and what the store has already. */
function diskFor({ disks, system }: Machine): number | undefined {
  const [disk] = disks
  if (disk?.freeBytes === undefined) return disk?.totalBytes
  return disk.freeBytes + (system.storeBytes ?? 0)
}

function servedBits(machine: Machine): number | undefined {
  const { bytesPerSecond } = delivery(machine)
  return bytesPerSecond === undefined ? undefined : bytesPerSecond * 8
}
