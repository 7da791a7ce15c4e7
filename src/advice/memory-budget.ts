import { judgeMachine, recompressionBytes } from '../policy/recompression.ts'
import { formatSize, GiB, MiB } from '../units.ts'
import { figures } from './figures.ts'
import type { Machine } from './machine.ts'
import type { Role } from './roles.ts'
import { jobSplit, usableThreads } from './slots.ts'
import type { Statement } from './verdict.ts'
import { zramOverheadBytes } from './zram.ts'

/** Who gets which part of the memory; the parts never sum up to more than there is. */
export interface MemoryBudget {
  readonly totalBytes: number
  /** kernel and services */
  readonly systemBytes: number
  /** what an empty zram takes */
  readonly zramBytes: number
  /** compile processes at once, as nix.conf allows them, and the memory of all together */
  readonly jobs: number
  readonly jobsBytes: number
  /** MemoryMax of narwhal */
  readonly narwhalMaxBytes: number
  /** MemoryHigh: narwhal takes it for all the memory there is */
  readonly narwhalHighBytes: number
  /** recompress.workers and level; undefined where this machine had better not */
  readonly recompression: Recompression | undefined
  /** cache.memory */
  readonly narinfoBytes: number
  /** what nobody has been promised: page cache */
  readonly spareBytes: number
}

export interface Recompression {
  readonly workers: number
  readonly level: number
}

/** From this much memory on, this much of it for narinfos, where no builds need it. */
const narinfoSteps = [
  { fromBytes: 7 * 1024 * MiB, bytes: 256 * MiB },
  { fromBytes: 3.5 * 1024 * MiB, bytes: 128 * MiB },
  { fromBytes: 1.75 * 1024 * MiB, bytes: 64 * MiB },
  { fromBytes: 0.875 * 1024 * MiB, bytes: 32 * MiB },
  { fromBytes: 0, bytes: 16 * MiB },
] as const

/** cache.memory as it is by default, which the server's own need includes. */
const usualNarinfoBytes = 64 * MiB
/** Without recompression: what systemd holds narwhal to, at first. */
const smallHighBytes = 256 * MiB
/** "8 GB", less what firmware keeps. */
const largeBytes = 7 * GiB
/** Between the level at which the kernel takes memory back and the one at which it kills. */
const marginBytes = 128 * MiB
const stepBytes = 16 * MiB
/** The server under load, and the share of memory `auto` lets it and the workers take: src/policy. */
const serverBytes = 300 * MiB
const autoShare = 0.75

/** Shares out the memory for a role; what narwhal's own `auto` would then decide is part of it. */
export function memoryBudget(machine: Machine, role: Role): MemoryBudget {
  const { totalBytes } = machine.memory
  const systemBytes = Math.floor(Math.min(figures.leanSystemBytes.value, totalBytes / 2))
  const zramBytes = Math.ceil(zramOverheadBytes(machine))
  const { maxJobs, cores } = jobSplit(machine, role)
  const jobs = maxJobs * cores
  const jobsBytes = jobs * figures.buildJobBytes.value
  const roomBytes = totalBytes - systemBytes - zramBytes - jobsBytes
  const narinfoBytes = narinfoMemory(totalBytes, role)
  const recompression = bestRecompression(machine, { role, roomBytes, narinfoBytes })
  const wanted = wantedHigh(recompression, narinfoBytes)
  const narwhalMaxBytes = Math.min(wanted + marginBytes, floorTo(roomBytes, MiB))
  const narwhalHighBytes = Math.min(
    wanted,
    floorTo(Math.max(narwhalMaxBytes - marginBytes, (narwhalMaxBytes * 2) / 3), MiB),
  )
  return {
    totalBytes,
    systemBytes,
    zramBytes,
    jobs,
    jobsBytes,
    narwhalMaxBytes,
    narwhalHighBytes,
    recompression,
    narinfoBytes,
    spareBytes: roomBytes - narwhalMaxBytes,
  }
}

function narinfoMemory(totalBytes: number, role: Role): number {
  const bytes = narinfoSteps.find(({ fromBytes }) => totalBytes >= fromBytes)?.bytes ?? 0
  return role === 'builder' ? Math.min(bytes, usualNarinfoBytes) : bytes
}

/** MemoryHigh that lets `auto` say yes, or that of a narwhal that does not recompress. */
function wantedHigh(recompression: Recompression | undefined, narinfoBytes: number): number {
  const moreBytes = Math.max(0, narinfoBytes - usualNarinfoBytes)
  if (!recompression) return smallHighBytes + moreBytes
  const { workers, level } = recompression
  const needed = (serverBytes + workers * recompressionBytes(level)) / autoShare
  return Math.ceil(needed / stepBytes) * stepBytes + moreBytes
}

/** Workers and levels, most work first; the first that the machine has cores and memory for. */
function bestRecompression(
  machine: Machine,
  { role, roomBytes, narinfoBytes }: { role: Role; roomBytes: number; narinfoBytes: number },
): Recompression | undefined {
  return candidates(machine, role).find((candidate) => {
    const highBytes = wantedHigh(candidate, narinfoBytes)
    const facts = { cores: coresOf(machine), totalBytes: highBytes, ...candidate }
    return highBytes + marginBytes <= roomBytes && judgeMachine('auto', facts).isOn
  })
}

/**
 * A worker for every four threads, at most four: more than any line brings. Two at most, and the
 * quick level, where memory is for builds or small: there they fit beside any number of slots, so
 * that more memory or threads never take a worker away.
 */
function candidates(machine: Machine, role: Role): Recompression[] {
  const threads = usableThreads(machine)
  const isLarge = role !== 'builder' && machine.memory.totalBytes >= largeBytes
  const mostWorkers = Math.max(1, Math.min(isLarge ? 4 : 2, Math.floor(threads / 4)))
  const levels = isLarge && threads >= 8 ? [9, 3] : [3]
  return Array.from({ length: mostWorkers }, (_, at) => mostWorkers - at).flatMap((workers) =>
    levels.map((level) => ({ workers, level })),
  )
}

/** What narwhal itself takes for the number of cores: a share where a control group says so. */
export function coresOf(machine: Machine): number {
  const { cores } = machine.cpu
  return Number.isInteger(cores) ? usableThreads(machine) : Math.min(cores, usableThreads(machine))
}

function floorTo(bytes: number, unit: number): number {
  return Math.max(0, Math.floor(bytes / unit) * unit)
}

/** Says how the memory is shared out. */
export function budgetStatement(budget: MemoryBudget): Statement {
  const jobs = budget.jobs > 0 ? `, ${formatSize(budget.jobsBytes)} for builds` : ''
  const parts = [
    `${formatSize(budget.systemBytes)} system`,
    `${formatSize(budget.narwhalMaxBytes)} narwhal at most`,
    ...(budget.jobs > 0
      ? [`${budget.jobs} × ${formatSize(figures.buildJobBytes.value)} builds`]
      : []),
    `${formatSize(budget.zramBytes)} for zram itself`,
  ]
  return {
    text: `Beside the system with ${formatSize(budget.systemBytes)}${jobs} and narwhal with at most ${formatSize(budget.narwhalMaxBytes)}, ${formatSize(budget.spareBytes)} are left to cache files.`,
    formula: `${formatSize(budget.totalBytes)} − ${parts.join(' − ')} = ${formatSize(budget.spareBytes)}`,
    source: `${figures.leanSystemBytes.source}; ${figures.proxyBytes.source}`,
    check: 'systemctl status nix-daemon narwhal: the line "Memory"; free -m',
  }
}
