import { type ControlGroup, controlGroups } from './control-groups.ts'
import {
  field,
  least,
  readSystemFile,
  type SystemRoots,
  systemRoots,
  wholeNumber,
} from './system-files.ts'

/** Memory this process may use, in bytes; undefined where the system does not say. */
export interface MemoryReading {
  /** the machine's, or the least that a control group allows */
  readonly totalBytes: number | undefined
  /** what could be had now without swapping or killing anybody; page cache can be given up */
  readonly availableBytes: number | undefined
}

interface GroupFiles {
  readonly limits: readonly string[]
  readonly usage: string
  readonly cache: readonly string[]
}

const groupFiles: Readonly<Record<ControlGroup['version'], GroupFiles>> = {
  1: {
    limits: ['memory.limit_in_bytes'],
    usage: 'memory.usage_in_bytes',
    cache: ['total_inactive_file', 'total_active_file'],
  },
  // above memory.high the kernel slows the group down until it gives memory back
  2: {
    limits: ['memory.max', 'memory.high'],
    usage: 'memory.current',
    cache: ['inactive_file', 'active_file', 'slab_reclaimable'],
  },
}

/**
 * Reads the memory of the machine and of the control groups, of which the smaller counts: proc(5)
 * MemTotal and MemAvailable, and the limits of version 1 and 2.
 */
export function readMemory(roots: SystemRoots = systemRoots): MemoryReading {
  const meminfo = readSystemFile(roots.proc, 'meminfo')
  const kibibytes = (name: string) => {
    const value = field(meminfo, name)
    return value === undefined ? undefined : value * 1024
  }
  const machine = {
    totalBytes: kibibytes('MemTotal:'),
    availableBytes: kibibytes('MemAvailable:'),
  }
  const readings = [
    machine,
    ...controlGroups(roots, 'memory').map((group) => readGroup(group, machine)),
  ]
  return {
    totalBytes: least(readings.map(({ totalBytes }) => totalBytes)),
    availableBytes: least(readings.map(({ availableBytes }) => availableBytes)),
  }
}

/** Usage counts the page cache too, which a cache fills in no time and the kernel takes back. */
function readGroup({ version, directory }: ControlGroup, machine: MemoryReading): MemoryReading {
  const { limits, usage, cache } = groupFiles[version]
  const totalBytes = least(limits.map((file) => wholeNumber(readSystemFile(directory, file))))
  // Version 1 writes "no limit" as a very large one; the rest need not be read then.
  if (totalBytes !== undefined && totalBytes >= (machine.totalBytes ?? Infinity)) return machine
  const usedBytes = wholeNumber(readSystemFile(directory, usage))
  if (totalBytes === undefined || usedBytes === undefined)
    return { totalBytes, availableBytes: undefined }
  const stat = readSystemFile(directory, 'memory.stat')
  const cacheBytes = cache.reduce((sum, name) => sum + (field(stat, name) ?? 0), 0)
  const heldBytes = Math.max(0, usedBytes - cacheBytes)
  return { totalBytes, availableBytes: Math.max(0, totalBytes - heldBytes) }
}
