import { readSystemFile, type SystemRoots, systemRoots } from './system-files.ts'

/** What one core, or all of them, have done since the start of the machine, in clock ticks. */
export interface CpuTimes {
  readonly work: number
  /** Taken by another machine on the same hardware. */
  readonly stolen: number
  /** Idle while something waited for a disk. */
  readonly waiting: number
  readonly total: number
}

export interface CpuReading {
  readonly all: CpuTimes
  readonly cores: readonly CpuTimes[]
}

/** Shares of a stretch of time, 0 to 100. */
export interface CpuUsage {
  readonly workPercent: number
  readonly stolenPercent: number
  readonly waitingPercent: number
}

/** Reads proc(5) stat; undefined on systems without it. */
export function readCpuTimes(roots: SystemRoots = systemRoots): CpuReading | undefined {
  const text = readSystemFile(roots.proc, 'stat') ?? ''
  const lines = [...text.matchAll(/^cpu(\d*) +(.*)$/gm)]
  const all = lines.find(([, core]) => core === '')
  if (all === undefined) return undefined
  const cores = lines.filter(([, core]) => core !== '').map(([, , fields]) => timesOf(fields))
  return { all: timesOf(all[2]), cores }
}

/** What happened between two readings; undefined when no time has passed. */
export function cpuUsage(before: CpuTimes, after: CpuTimes): CpuUsage | undefined {
  const total = after.total - before.total
  if (total <= 0) return undefined
  // The counters of a virtual machine may step back a little.
  const percent = (ticks: number) => Math.min(100, Math.max(0, (ticks / total) * 100))
  return {
    workPercent: percent(after.work - before.work),
    stolenPercent: percent(after.stolen - before.stolen),
    waitingPercent: percent(after.waiting - before.waiting),
  }
}

function timesOf(fields = ''): CpuTimes {
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, hard = 0, soft = 0, stolen = 0] =
    fields.trim().split(/ +/).map(Number)
  const work = user + nice + system + hard + soft
  return { work, stolen, waiting, total: work + stolen + waiting + idle }
}
