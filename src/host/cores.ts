import { join } from 'node:path'
import { controlGroups } from './control-groups.ts'
import {
  least,
  readSystemFile,
  type SystemRoots,
  systemRoots,
  wholeNumber,
} from './system-files.ts'

/**
 * How many cores this process may keep busy: those it may run on, or the share of CPU time that a
 * control group allows, which need not be a whole number.
 *
 * @param runnable os.availableParallelism(): the cores of the machine that it may run on
 */
export function readCores(runnable: number, roots: SystemRoots = systemRoots): number {
  const quotas = controlGroups(roots, 'cpu').map(({ version, directory }) => {
    if (version === 1) {
      const quota = wholeNumber(readSystemFile(join(directory, 'cpu.cfs_quota_us'))) // -1: none
      return quotient(quota, wholeNumber(readSystemFile(join(directory, 'cpu.cfs_period_us'))))
    }
    // "max 100000", or "150000 100000"
    const [quota, period] = readSystemFile(join(directory, 'cpu.max'))?.trim().split(' ') ?? []
    return quotient(wholeNumber(quota), wholeNumber(period))
  })
  return Math.min(runnable, least(quotas) ?? runnable)
}

function quotient(quota: number | undefined, period: number | undefined): number | undefined {
  return quota !== undefined && period !== undefined && quota > 0 && period > 0
    ? quota / period
    : undefined
}
