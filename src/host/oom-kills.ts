import { field, readSystemFile, type SystemRoots, systemRoots } from './system-files.ts'

/**
 * Counts the processes the kernel has killed for want of memory since this machine started: proc(5),
 * oom_kill in /proc/vmstat.
 *
 * @returns undefined where the system does not say
 */
export function countOomKills(roots: SystemRoots = systemRoots): number | undefined {
  return field(readSystemFile(roots.proc, 'vmstat'), 'oom_kill')
}
