import { availableParallelism } from 'node:os'
import type { Cpu } from '../advice/machine.ts'
import { readCores } from './cores.ts'
import { cpuModel } from './cpu-model.ts'
import {
  listSystemDirectory,
  readSystemFile,
  type SystemRoots,
  systemRoots,
  wholeNumber,
} from './system-files.ts'

/** What hashing, unpacking and packing are faster with, as Linux calls it on x86-64 and on ARM. */
const telling = ['sha_ni', 'aes', 'sse4_2', 'avx', 'avx2', 'avx512f', 'bmi2'].concat(
  ...[['asimd', 'sha1', 'sha2', 'sha512', 'crc32', 'sve']],
)

/** Reads the processor: proc(5) cpuinfo, and what the kernel tells of each in /sys. */
export function readCpu(roots: SystemRoots = systemRoots): Cpu {
  const cpuinfo = readSystemFile(roots.proc, 'cpuinfo') ?? ''
  const runnable = runnableThreads(roots)
  const threads = runnable.length || availableParallelism()
  const cores = runnable.length > 0 ? countCores(runnable, roots) : threads
  return {
    model: cpuModel(cpuinfo, roots),
    cores: readCores(cores, roots),
    threads: Math.max(1, Math.ceil(readCores(threads, roots))),
    architecture: process.arch,
    maxMegahertz: maxMegahertz(cpuinfo, roots),
    features: featuresOf(cpuinfo),
    throttledCount: countThrottling(roots),
  }
}

/** The threads this process may run on, by number: "0-3,6" in proc(5) status. */
function runnableThreads(roots: SystemRoots): number[] {
  const text = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readSystemFile(roots.proc, 'self/status') ?? '')
  return (text?.[1] ?? '').split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(wholeNumber)
    if (first === undefined || last === undefined || last < first || last > 8191) return []
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
}

/** Threads that share a core are one: the kernel names core and package of each. */
function countCores(threads: readonly number[], roots: SystemRoots): number {
  const cores = threads.map((thread) => {
    const topology = ['devices/system/cpu', `cpu${thread}`, 'topology'] as const
    const read = (file: string) => readSystemFile(roots.sys, ...topology, file)?.trim()
    const [core, cluster, die, parcel] = [
      'core_id',
      'cluster_id',
      'die_id',
      'physical_package_id',
    ].map(read)
    return core === undefined ? `thread ${thread}` : [parcel, die, cluster, core].join(' ')
  })
  return new Set(cores).size
}

function maxMegahertz(cpuinfo: string, roots: SystemRoots): number | undefined {
  const kilohertz = eachCpu(roots, 'cpufreq/cpuinfo_max_freq')
  if (kilohertz.length > 0) return Math.round(Math.max(...kilohertz) / 1000)
  // Intel writes its base frequency into the name.
  const gigahertz = /^model name\s*:.* @ (\d+\.\d+)GHz/m.exec(cpuinfo)?.[1]
  return gigahertz === undefined ? undefined : Math.round(Number(gigahertz) * 1000)
}

function featuresOf(cpuinfo: string): string[] {
  const words = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.split(/\s+/) ?? []
  return telling.filter((feature) => words.includes(feature)).sort()
}

/**
 * How often heat slowed the processor down. Intel's counts are kept per thread, of the same events
 * for those that share a core: the largest is the truth. A Raspberry Pi only tells whether it was.
 */
function countThrottling(roots: SystemRoots): number | undefined {
  const counts = ['core_throttle_count', 'package_throttle_count'].flatMap((file) =>
    eachCpu(roots, `thermal_throttle/${file}`),
  )
  if (counts.length > 0) return Math.max(...counts)
  const word = readSystemFile(roots.sys, 'devices/platform/soc/soc:firmware/get_throttled')?.trim()
  if (word === undefined || !/^[0-9a-f]+$/i.test(word)) return undefined
  // raspberrypi.com/documentation: now, and 16 bits above it since boot. A weak power supply (bit 0)
  // lowers the frequency too; that is no heat.
  const bits = Number.parseInt(word, 16)
  const isPowerWeak = (bits & 0x10001) !== 0
  const isHot = (bits & 0x80008) !== 0 || (!isPowerWeak && (bits & 0x60006) !== 0)
  return isHot ? 1 : 0
}

function eachCpu(roots: SystemRoots, file: string): number[] {
  return listSystemDirectory(roots.sys, 'devices/system/cpu').flatMap((name) => {
    if (!/^cpu\d+$/.test(name)) return []
    return wholeNumber(readSystemFile(roots.sys, 'devices/system/cpu', name, file)) ?? []
  })
}
