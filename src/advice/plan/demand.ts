import { formatSize } from '../../units.ts'
import { figures } from '../figures.ts'
import { formatBitSpeed } from '../rates.ts'
import type { Statement } from '../verdict.ts'
import { meanWait, serversFor, waitingChance } from './erlang.ts'
import type { Workload } from './workload.ts'

/** What a workload needs of a machine that builds and serves; each figure with its arithmetic. */
export interface Demand {
  /** builds that run at once in the busiest hour, on average */
  readonly concurrentBuilds: number
  readonly slots: number
  readonly threads: number
  readonly memoryBytes: number
  readonly diskBytes: number
  /** the store and the cache grow by so much in a month, before anything is collected */
  readonly growthBytesPerMonth: number
  readonly bitsPerSecond: number
  readonly statements: {
    readonly load: Statement
    readonly slots: Statement
    readonly memory: Statement
    readonly threads: Statement
    readonly disk: Statement
    readonly growth: Statement
    readonly network: Statement
  }
}

const systemDiskBytes = 20e9
/** The share of a disk that stays free: builds unpack there, and garbage collection needs room. */
const freeDiskShare = 0.15

/** Reckons what a workload needs. */
export function demandOf(work: Workload): Demand {
  const builds = concurrency(work)
  const processes = builds.slots * work.jobsPerBuild
  const disk = diskDemand(work)
  const network = networkDemand(work)
  const { systemBytes, proxyBytes } = figures
  const memoryBytes = systemBytes.value + proxyBytes.value + processes * work.buildMemoryBytes
  const each = formatSize(work.buildMemoryBytes)
  return {
    concurrentBuilds: builds.load,
    slots: processes,
    threads: Math.max(1, processes),
    memoryBytes,
    diskBytes: disk.bytes,
    growthBytesPerMonth: disk.perMonth,
    bitsPerSecond: network.bitsPerSecond,
    statements: {
      load: builds.because,
      slots: builds.slotsBecause,
      memory: {
        text: `${formatSize(memoryBytes)} of memory.`,
        formula: `${formatSize(systemBytes.value)} system + ${formatSize(proxyBytes.value)} narwhal + ${processes} × ${each} = ${formatSize(memoryBytes)}`,
        source: figures.buildJobBytes.source,
        check: 'systemd-cgtop -m while builds run',
      },
      threads: {
        text: `${Math.max(1, processes)} thread${processes > 1 ? 's' : ''}, one for each compile process.`,
        formula: `${builds.slots} × ${work.jobsPerBuild} = ${processes}`,
        source: 'a compile process keeps one thread busy; narwhal takes what they leave',
        check: 'nproc',
      },
      ...disk.statements,
      network: network.because,
    },
  }
}

/** Little's law for how many run, Erlang's C for how many must be able to. */
function concurrency(work: Workload) {
  const { developers, buildsPerDay, peakShare, buildMinutes, waitMinutes } = work
  const perHour = developers * buildsPerDay * peakShare
  const load = (perHour * buildMinutes) / 60
  const slots = serversFor(load, { duration: buildMinutes, mostWait: waitMinutes })
  const wait = meanWait(slots, load, buildMinutes)
  const fewer = slots - 1
  const lessWait = meanWait(fewer, load, buildMinutes)
  const less =
    fewer < 1
      ? ''
      : Number.isFinite(lessWait)
        ? `; with ${fewer}: ${round(lessWait)} min`
        : `; with ${fewer} the queue would never end`
  const because: Statement = {
    text: `${round(load)} builds run at once in the busiest hour, on average.`,
    formula: `Little: ${developers} × ${buildsPerDay} × ${round(peakShare * 100)} % = ${round(perHour)} an hour; × ${buildMinutes} min / 60 = ${round(load)}`,
    source: "Little's law: number in a system = arrival rate × time each stays",
    check: 'count the builds that run at 11 o’clock: ps -C nix-build, or the page of your CI',
  }
  const slotsBecause: Statement = {
    text: `${slots} build${slots === 1 ? '' : 's'} must be able to run at once, so that one waits ${round(wait)} minutes on average.`,
    formula: `Erlang C: ${slots} for a load of ${round(load)}: ${round(waitingChance(slots, load) * 100)} % wait, ${round(wait)} min on average ≤ ${round(waitMinutes)} min${less}`,
    source: 'Erlang C (M/M/c): builds come at random and take differently long',
    check: 'the queue of your CI in the busiest hour',
  }
  return { load, slots, because, slotsBecause }
}

/** New store paths unpacked in the store, and packed with zstd in the cache, for as long as kept. */
function diskDemand(work: Workload) {
  const { developers, buildsPerDay, growthBytes, closureBytes, keepDays, workDays } = work
  const packed = figures.xzPackedShare.value * figures.zstdGrowth.value
  const perDay = developers * buildsPerDay * growthBytes
  const both = 1 + packed
  // Of the days results are kept, those count on which somebody works.
  const keptWorkDays = Math.min(keepDays, (keepDays * workDays * 12) / 365)
  const kept = (closureBytes + perDay * keptWorkDays) * both
  const bytes = (systemDiskBytes + kept) / (1 - freeDiskShare)
  const perMonth = perDay * workDays * both
  const packs = `× (1 in the store + ${round(packed)} in the cache)`
  return {
    bytes,
    perMonth,
    statements: {
      disk: {
        text: `${formatSize(bytes)} of disk, with ${keepDays} days kept.`,
        formula: `(20 GB system + (${formatSize(closureBytes)} + ${formatSize(perDay)} a day × ${round(keptWorkDays)} working days) ${packs}) / ${1 - freeDiskShare} = ${formatSize(bytes)}`,
        source: `${figures.zstdGrowth.source}; 15 % stay free for builds and garbage collection`,
        check: 'df -h /nix; narwhal status',
      },
      growth: {
        text: `${formatSize(perMonth)} more a month; without garbage collection the disk is full sooner or later.`,
        formula: `${developers} × ${buildsPerDay} × ${formatSize(growthBytes)} × ${workDays} days ${packs} = ${formatSize(perMonth)}`,
        source: 'nix.gc.automatic with --delete-older-than keeps it level; so does cache.max_size',
        check: 'du -s /nix/store a week apart',
      },
    },
  }
}

/** What everybody fetches of new results in the busiest hour, packed. */
function networkDemand(work: Workload) {
  const { developers, buildsPerDay, peakShare, growthBytes, fetches } = work
  const packed = figures.xzPackedShare.value * figures.zstdGrowth.value
  const perHour = developers * buildsPerDay * peakShare
  const bytesPerHour = perHour * growthBytes * packed * fetches
  const bitsPerSecond = (bytesPerHour * 8) / 3600
  const because: Statement = {
    text: `${formatBitSpeed(bitsPerSecond)} on average in the busiest hour.`,
    formula: `${round(perHour)} builds × ${formatSize(growthBytes)} × ${round(packed)} packed × ${fetches} fetch it × 8 / 3600 s = ${formatBitSpeed(bitsPerSecond)}`,
    source: figures.zstdGrowth.source,
    check: 'narwhal monitor in that hour; narwhal_sent_bytes_total',
  }
  return { bitsPerSecond, because }
}

function round(value: number): string {
  return String(Number(value.toFixed(value < 10 ? 2 : 1)))
}
