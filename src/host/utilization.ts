import { setTimeout as wait } from 'node:timers/promises'
import { cpuUsage, readCpuTimes } from './cpu-times.ts'
import { readDisks } from './disk-activity.ts'
import type { SystemRoots } from './system-files.ts'

/** Shares of the time that was looked at, 0 to 1. */
export interface Utilization {
  readonly cpu: number | undefined
  readonly disk: number | undefined
}

/**
 * Looks at the counters twice.
 *
 * @param disks names of the disks whose use is wanted; the busiest counts
 */
export async function sampleUtilization(
  disks: readonly string[],
  { lengthMs, roots }: { lengthMs: number; roots: SystemRoots },
): Promise<Utilization> {
  const before = { atMs: performance.now(), cpu: readCpuTimes(roots), disks: readDisks(roots) }
  await wait(lengthMs)
  const spentMs = performance.now() - before.atMs
  const cpu = readCpuTimes(roots)
  const usage = before.cpu && cpu && cpuUsage(before.cpu.all, cpu.all)
  const shares = readDisks(roots).flatMap(({ name, busyMs }) => {
    const earlier = before.disks.find((disk) => disk.name === name)
    if (!earlier || !disks.includes(name)) return []
    return Math.min(1, Math.max(0, busyMs - earlier.busyMs) / spentMs)
  })
  return {
    cpu: usage && usage.workPercent / 100,
    disk: shares.length > 0 ? Math.max(...shares) : undefined,
  }
}
