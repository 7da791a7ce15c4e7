import { recompressionBytes } from '../policy/recompression.ts'
import { formatSize, GiB, MiB } from '../units.ts'
import { memoryCheck } from './bands.ts'
import { figures } from './figures.ts'
import type { Machine } from './machine.ts'
import { coresOf, type MemoryBudget, memoryBudget } from './memory-budget.ts'
import { predict, predictionOf } from './predict.ts'
import { formatBitSpeed, formatByteSpeed } from './rates.ts'
import type { Role } from './roles.ts'
import type { Setting } from './setting.ts'
import { diskNames, linkSpeed, mainDisk, minFreeShare, usableBytes } from './speeds.ts'
import type { Statement } from './verdict.ts'

/** What narwhal.toml should say on this machine, each option with its reason. */
export function narwhalSettings(machine: Machine, role: Role): readonly Setting[] {
  const budget = memoryBudget(machine, role)
  return [
    ...diskSettings(machine, role, budget),
    narinfoMemory(budget),
    prefetchSetting(machine),
    ...recompressSettings(machine, budget),
    ...limitSettings(machine),
    ...uploadSettings(machine, role),
  ]
}

/** Of the free space, the share that is the cache's; builds and their store need the rest. */
const cacheShare: Readonly<Record<Role, number>> = { proxy: 0.8, cache: 0.8, builder: 0.4 }

function diskSettings(machine: Machine, role: Role, budget: MemoryBudget): Setting[] {
  const minFree: Setting = {
    key: 'cache.min_free',
    value: '5%',
    because: {
      text: 'A file system that is nearly full slows down and stops everybody; 5 % always stay free.',
      source: 'the same 5 % at which nix.conf min-free collects garbage',
      check: 'df -h /var/lib/narwhal',
    },
  }
  return [{ key: 'cache.max_size', ...maxSize(machine, role, budget) }, minFree]
}

function maxSize(
  machine: Machine,
  role: Role,
  budget: MemoryBudget,
): Pick<Setting, 'value' | 'because'> {
  const disk = mainDisk(machine)
  const roomBytes = disk && usableBytes(disk)
  const check = 'df -h /var/lib; narwhal status'
  const share = cacheShare[role]
  if (disk?.kind === 'tmpfs') {
    const bytes = Math.max(64 * MiB, Math.min(roomBytes ?? 0, budget.spareBytes / 2))
    const value = writtenSize(bytes)
    const formula = `${formatSize(budget.spareBytes)} spare memory / 2 = ${value}`
    const text = 'The disk is memory: the cache gets half of what nobody else was promised.'
    return { value, because: { text, formula, source: 'tmpfs(5)', check } }
  }
  if (disk?.freeBytes === undefined || roomBytes === undefined) {
    const text = 'The free space is not known: at most half of the file system, and min_free holds.'
    return { value: '50%', because: { text, source: 'caution', check } }
  }
  const value = writtenSize(roomBytes * share)
  const kept = (disk.totalBytes ?? disk.freeBytes) * minFreeShare
  if (roomBytes * share < leastRoomBytes)
    return {
      value,
      because: {
        text: 'There is hardly room for a cache: what does not fit is passed on and not kept. Make room first.',
        formula: `${formatSize(disk.freeBytes)} free − ${formatSize(kept)} min_free = ${formatSize(roomBytes)}`,
        source: 'docs/operating.md, disk space',
        check,
      },
    }
  const rest =
    role === 'builder' ? 'the store of builds grows beside it' : 'logs and updates need some'
  return {
    value,
    because: {
      text: `${share * 100} % of the free space is for the cache; ${rest}. Add what narwhal keeps there already.`,
      formula: `(${formatSize(disk.freeBytes)} free − ${formatSize(kept)} min_free) × ${share} = ${value}`,
      source: 'room left for what shares the disk; cache.min_free guards the rest',
      check,
    },
  }
}

/** With less, a cache keeps next to nothing of a closure. */
const leastRoomBytes = GiB

/** Rounded down, in the unit that keeps it readable. */
function writtenSize(bytes: number): string {
  if (bytes >= 10 * GiB || (bytes >= GiB && bytes % GiB === 0))
    return `${Math.floor(bytes / GiB)}GiB`
  return `${Math.max(64, Math.floor(bytes / MiB))}MiB`
}

function narinfoMemory({ narinfoBytes, totalBytes }: MemoryBudget): Setting {
  return {
    key: 'cache.memory',
    value: `${narinfoBytes / MiB}MiB`,
    because: {
      text: `About ${Math.round(narinfoBytes / 1024 / 1000)} thousand narinfos stand ready in memory.`,
      formula: `${formatSize(narinfoBytes)} / 1 KiB each, of ${formatSize(totalBytes)}`,
      source: 'a narinfo takes 0.5 to 1 KiB',
      check: 'curl -s localhost:5000/metrics | grep narwhal_requests_total',
    },
  }
}

/** NARs written at the same time, by what seeks or wears least; 16 where nothing is in the way. */
function concurrency(machine: Machine): { count: number; because: Statement } {
  const { totalBytes } = machine.memory
  const byMemory = totalBytes < 0.875 * GiB ? 4 : totalBytes < 1.75 * GiB ? 8 : 16
  const kind = mainDisk(machine)?.kind
  const byDisk = kind === 'hdd' || kind === 'sd' || kind === 'usb' ? 8 : 16
  const count = Math.min(byMemory, byDisk)
  const disk = kind === undefined ? 'a disk of unknown kind' : `a ${diskNames[kind]}`
  const text =
    count === 16
      ? 'Nothing is in the way of the usual 16.'
      : byMemory < byDisk
        ? `Each download holds some MiB, and there are ${formatSize(totalBytes)}.`
        : kind === 'hdd'
          ? 'More at once make a hard disk seek instead of write.'
          : `${kind === 'sd' ? 'An SD card' : 'A USB disk'} writes slowly: more at once wait for each other.`
  return {
    count,
    because: {
      text,
      formula: `min(${byMemory} for ${formatSize(totalBytes)}, ${byDisk} for ${disk}) = ${count}`,
      source: 'docs/performance.md: memory while fetching ahead',
      check: 'narwhal status; narwhal monitor',
    },
  }
}

function prefetchSetting(machine: Machine): Setting {
  const { count, because } = concurrency(machine)
  return { key: 'prefetch.max_concurrent', value: count, because }
}

/**
 * On a line slower than one client unpacks xz, zstd's larger files only take longer. Above that,
 * `auto` decides by cores and memory, and MemoryHigh is chosen so that it can say yes.
 */
function recompressSettings(machine: Machine, budget: MemoryBudget): Setting[] {
  const slow = slowLine(machine)
  const { recompression } = budget
  const enabled: Setting = {
    key: 'recompress.enabled',
    value: slow ? false : 'auto',
    because: slow ?? (recompression ? whyOn(machine, budget) : whyOff(machine, budget)),
  }
  if (slow || !recompression) return [enabled]
  const { workers, level } = recompression
  const paces = predictionOf(predict(machine), 'recompressBytesPerSecond')
  const pace = formatByteSpeed(workers * paces.value)
  return [
    enabled,
    {
      key: 'recompress.workers',
      value: workers,
      because: {
        text: `${workers === 1 ? 'One worker packs' : `${workers} workers pack`} about ${pace} of xz anew while the machine is idle.`,
        formula: `one for every 4 of ${coresOf(machine)} threads, as memory allows = ${workers}; ${workers} × ${formatByteSpeed(paces.value)} = ${pace}`,
        source: paces.statement.source,
        check: 'narwhal status: recompression',
      },
    },
    {
      key: 'recompress.level',
      value: level,
      because: {
        text:
          level === 3
            ? 'Level 3 packs fastest; clients unpack every level at the same speed.'
            : `There are cores to spare: level ${level} saves a seventh of the disk and the line.`,
        formula: '1.4 × the size of xz at level 3, 1.2 × at level 9',
        source: figures.zstdGrowth.source,
        check: 'narwhal status: recompression',
      },
    },
  ]
}

/** Why recompressing would slow clients down; undefined where the line is fast enough or unknown. */
export function slowLine(machine: Machine): Statement | undefined {
  const link = linkSpeed(machine)
  if (!link) return undefined
  const unpack = figures.xzDecodeBytesPerSecond.value
  const evenBytesPerSecond = unpack * figures.xzPackedShare.value * figures.zstdGrowth.value
  if (link.bytesPerSecond >= evenBytesPerSecond) return undefined
  return {
    text: `The line brings ${formatByteSpeed(link.bytesPerSecond)}, less than the ${formatByteSpeed(evenBytesPerSecond)} from which zstd is faster for a client: its files are larger, so xz stays.`,
    formula: `${formatByteSpeed(unpack)} unpacked × ${figures.xzPackedShare.value} × ${figures.zstdGrowth.value} = ${formatByteSpeed(evenBytesPerSecond)} = ${formatBitSpeed(evenBytesPerSecond * 8)}; ${link.formula}`,
    source: `${figures.zstdGrowth.source}; ${figures.xzDecodeBytesPerSecond.source}`,
    check: 'narwhal bench http://cache:5000 from a client',
  }
}

function whyOn(machine: Machine, { recompression, narwhalHighBytes }: MemoryBudget): Statement {
  const { workers, level } = recompression ?? { workers: 1, level: 3 }
  const packing = recompressionBytes(level)
  return {
    text: `"auto" will recompress: ${coresOf(machine)} cores are enough for ${workers} ${workers === 1 ? 'worker' : 'workers'} and for serving, and ${formatSize(narwhalHighBytes)} (MemoryHigh) for its memory.`,
    formula: `300 MiB server + ${workers} × ${formatSize(packing)} = ${Math.round(300 + (workers * packing) / MiB)} MiB ≤ ¾ × ${formatSize(narwhalHighBytes)} = ${formatSize(narwhalHighBytes * 0.75)}`,
    source: 'docs/operating.md, recompression',
    check: 'narwhal status: recompression; journalctl -u narwhal -g recompress',
  }
}

function whyOff(machine: Machine, { narwhalHighBytes }: MemoryBudget): Statement {
  const cores = coresOf(machine)
  return {
    text:
      cores < 2
        ? '"auto" will not recompress: unpacking xz would take the one core that serves.'
        : `"auto" will not recompress: a worker needs more than the ${formatSize(narwhalHighBytes)} (MemoryHigh) there are for narwhal.`,
    formula:
      cores < 2
        ? `${cores} core < 2`
        : `300 MiB server + 59 MiB > ¾ × ${formatSize(narwhalHighBytes)}`,
    source: 'docs/operating.md, recompression',
    check: 'narwhal status: recompression',
  }
}

/** Connections hold buffers; few clients stand before a small machine. */
function limitSettings(machine: Machine): Setting[] {
  const { totalBytes } = machine.memory
  const step = limitSteps.find(({ fromBytes }) => totalBytes >= fromBytes) ?? limitSteps.at(-1)
  const { count } = concurrency(machine)
  const because: Statement = {
    text: `Each open connection holds buffers; ${formatSize(totalBytes)} are enough for these.`,
    formula: `500 streams at once took up to 300 MB`,
    source: 'docs/decisions/0012-recompression.md and bench/RESULTS.md: memory under load',
    check: `${memoryCheck}; narwhal monitor`,
  }
  return [
    { key: 'limits.max_clients', value: step?.clients ?? 128, because },
    { key: 'limits.upstream_connections', value: step?.upstream ?? 16, because },
    {
      key: 'limits.max_downloads',
      value: count,
      because: { ...concurrency(machine).because },
    },
  ]
}

const limitSteps = [
  { fromBytes: 3.5 * GiB, clients: 4096, upstream: 64 },
  { fromBytes: 1.75 * GiB, clients: 1024, upstream: 64 },
  { fromBytes: 0.875 * GiB, clients: 512, upstream: 32 },
  { fromBytes: 0, clients: 128, upstream: 16 },
] as const

const usualUploadBytes = 8 * GiB

/** What is pushed waits beside the cache until it is whole: on a small disk, less of it. */
function uploadSettings(machine: Machine, role: Role): Setting[] {
  const disk = mainDisk(machine)
  const roomBytes = disk && usableBytes(disk)
  if (role !== 'cache' || roomBytes === undefined) return []
  const bytes = Math.min(usualUploadBytes, roomBytes * cacheShare.cache * uploadShare)
  const value = writtenSize(bytes)
  const because: Statement = {
    text: 'The largest NAR that may be pushed: an eighth of the cache, and never more than the default.',
    formula: `min(8 GiB, cache.max_size × ${uploadShare}) = ${value}`,
    source: 'docs/operating.md; few NARs are larger than 1 GiB',
    check: 'narwhal status',
  }
  return [{ key: 'limits.max_upload', value, because }]
}

const uploadShare = 1 / 8
