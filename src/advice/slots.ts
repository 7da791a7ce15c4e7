import { formatSize, GiB } from '../units.ts'
import { memoryCheck } from './bands.ts'
import { figures } from './figures.ts'
import type { Machine } from './machine.ts'
import type { Role } from './roles.ts'
import type { Statement } from './verdict.ts'
import { canHaveZram, zramGainBytes } from './zram.ts'

/** How many compile processes a machine has memory and threads for, and how Nix is told. */
export interface BuildSlots {
  /** compile processes at the same time, without swapping */
  readonly count: number
  /** what it would be if there were no lack of the other */
  readonly byMemory: number
  readonly byThreads: number
  readonly because: Statement
}

/** max-jobs and cores of nix.conf; their product is the number of compile processes. */
export interface JobSplit {
  readonly maxJobs: number
  readonly cores: number
}

/** Threads that compilers may keep busy; a control group's share of a core is one. */
export function usableThreads({ cpu }: Machine): number {
  const threads = Number.isInteger(cpu.cores)
    ? cpu.threads
    : Math.min(cpu.threads, Math.ceil(cpu.cores))
  return Math.max(1, threads)
}

/** (memory − system − narwhal) ÷ one job, and no more than threads. */
export function buildSlots(machine: Machine): BuildSlots {
  const { totalBytes } = machine.memory
  const { buildJobBytes, systemBytes, proxyBytes } = figures
  const leftBytes = totalBytes - systemBytes.value - proxyBytes.value
  const byMemory = Math.max(0, Math.floor(leftBytes / buildJobBytes.value))
  const byThreads = usableThreads(machine)
  const count = Math.min(byMemory, byThreads)
  const taken = `(${formatSize(totalBytes)} − ${formatSize(systemBytes.value)} system − ${formatSize(proxyBytes.value)} narwhal)`
  const bound = byThreads < byMemory ? `, but no more than ${byThreads} threads` : ''
  return {
    count,
    byMemory,
    byThreads,
    because: {
      text: `${slotWords(count)}: each takes up to ${formatSize(buildJobBytes.value)}${bound}.`,
      formula: `${taken} / ${formatSize(buildJobBytes.value)} = ${(leftBytes / buildJobBytes.value).toFixed(2)}; min(${byMemory}, ${byThreads} threads) = ${count}`,
      source: buildJobBytes.source,
      check: `${memoryCheck}; nproc`,
    },
  }
}

function slotWords(count: number): string {
  if (count === 0) return 'Memory for no compile process'
  return count === 1
    ? 'Memory for one compile process at a time'
    : `Room for ${count} compile processes at a time`
}

/** What is left to narwhal at the least where it is what the machine is for. */
const servingBytes = 1.3 * GiB

/**
 * max-jobs and cores for a machine. One that mainly serves builds one thing at a time, for itself,
 * and gives narwhal a GiB more before it lets that take a second process.
 */
export function jobSplit(machine: Machine, role: Role): JobSplit {
  const { count } = buildSlots(machine)
  if (role === 'builder') return splitSlots(count)
  const restBytes = machine.memory.totalBytes - figures.systemBytes.value - servingBytes
  const cores = Math.min(count, Math.floor(restBytes / figures.buildJobBytes.value))
  return { maxJobs: Math.min(count, 1), cores: Math.max(1, cores) }
}

/**
 * Splits slots into jobs and cores of each, as near to a square as can be: packages have parts that
 * use one core only, so several at once keep the machine busy; but each must get on too. Nix starts
 * max-jobs × cores processes, which never exceeds the slots.
 */
export function splitSlots(count: number): JobSplit {
  if (count === 0) return { maxJobs: 0, cores: 1 }
  const maxJobs = Math.floor(Math.sqrt(count))
  return { maxJobs, cores: Math.floor(count / maxJobs) }
}

/**
 * Whether one small job can be dared with zram where there is no slot: what it needs beside a lean
 * system, held against what compressed memory holds.
 *
 * @returns undefined where it cannot, and where it need not
 */
export function optInJob(machine: Machine): Statement | undefined {
  if (buildSlots(machine).count > 0 || !canHaveZram(machine)) return undefined
  const { leanSystemBytes, proxyBytes, smallJobBytes } = figures
  const needed = leanSystemBytes.value + proxyBytes.value + smallJobBytes.value
  const held = machine.memory.totalBytes + zramGainBytes(machine)
  if (held < needed) return undefined
  return {
    text: `One small build at a time (max-jobs = 1, cores = 1) fits with zram, slowly: it needs ${formatSize(needed)}, and zram makes room for ${formatSize(held)}.`,
    formula: `${formatSize(leanSystemBytes.value)} lean system + ${formatSize(proxyBytes.value)} narwhal + ${formatSize(smallJobBytes.value)} job = ${formatSize(needed)} ≤ ${formatSize(machine.memory.totalBytes)} + ${formatSize(zramGainBytes(machine))} from zram = ${formatSize(held)}`,
    source: `${smallJobBytes.source}; ${figures.zramRatio.source}`,
    check: 'journalctl -k -g "out of memory"; cat /proc/pressure/memory',
  }
}
