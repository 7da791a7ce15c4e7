import { formatSize, GiB } from '../units.ts'
import { figures } from './figures.ts'
import type { Machine } from './machine.ts'
import type { Statement } from './verdict.ts'

/** Percent of memory at 2, 4 and 8 GiB; between them a straight line. */
const points = [
  { gib: 2, percent: 100 },
  { gib: 4, percent: 75 },
  { gib: 8, percent: 50 },
] as const

/** More is not worth its bookkeeping: a machine that fills this has other troubles. */
const mostBytes = 16 * GiB

/**
 * How large compressed swap in memory should be, in whole percent of it. It is a ceiling: what is
 * not used costs a thousandth of it.
 */
export function zramPercent(totalBytes: number): number {
  const gib = totalBytes / GiB
  for (const [at, point] of points.entries()) {
    if (gib > point.gib) continue
    const before = points[at - 1]
    if (before === undefined) return point.percent
    const share = (gib - before.gib) / (point.gib - before.gib)
    return Math.floor(before.percent + share * (point.percent - before.percent))
  }
  return Math.min(50, Math.floor((mostBytes / totalBytes) * 100))
}

/** A container shares the kernel of its host, whose zram it cannot set up. */
export function canHaveZram({ system }: Machine): boolean {
  return system.virtualization !== 'container'
}

/** Size of the zram device advised, in bytes of what goes in. */
export function zramSizeBytes(machine: Machine): number {
  if (!canHaveZram(machine)) return 0
  return (machine.memory.totalBytes * zramPercent(machine.memory.totalBytes)) / 100
}

/** Memory that zram wins at most: what goes in, less what it takes. */
export function zramGainBytes(machine: Machine): number {
  return zramSizeBytes(machine) * (1 - 1 / figures.zramRatio.value)
}

/** Memory that zram costs while nothing is in it. */
export function zramOverheadBytes(machine: Machine): number {
  return zramSizeBytes(machine) * figures.zramOverheadShare.value
}

/** Says how large zram should be and what that wins. */
export function zramStatement(machine: Machine): Statement {
  const { totalBytes } = machine.memory
  const percent = zramPercent(totalBytes)
  const size = zramSizeBytes(machine)
  return {
    text: `zram of ${percent} % of memory lets ${formatSize(totalBytes)} hold up to ${formatSize(totalBytes + zramGainBytes(machine))}, if what it holds halves.`,
    formula: `${formatSize(totalBytes)} × ${percent} % = ${formatSize(size)}; ${formatSize(size)} × (1 − 1 / ${figures.zramRatio.value}) = ${formatSize(zramGainBytes(machine))} won`,
    source: `${figures.zramRatio.source}; 100 % at 2 GiB, 75 % at 4, 50 % from 8 on, and no more than 16 GiB`,
    check: 'zramctl; swapon --show',
  }
}
