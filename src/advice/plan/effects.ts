import { formatSize } from '../../units.ts'
import type { Machine } from '../machine.ts'
import { formatByteSpeed } from '../rates.ts'
import { buildSlots } from '../slots.ts'
import type { Statement } from '../verdict.ts'
import { delivery, gigabitBytesPerSecond } from './delivery.ts'

/** One thing an upgrade changes: what it is now, what it will be, and how both are reckoned. */
export interface Effect extends Statement {
  readonly what: 'slots' | 'delivery' | 'memory' | 'disk'
  readonly before: string
  readonly after: string
}

/** What is foretold to be different afterwards; what stays the same is left out. */
export function effectsOf(before: Machine, after: Machine): Effect[] {
  return [slots(before, after), served(before, after), memory(before, after), disk(before, after)]
    .filter((effect) => effect !== undefined)
    .filter((effect) => effect.before !== effect.after)
}

function slots(before: Machine, after: Machine): Effect {
  const [now, then] = [buildSlots(before), buildSlots(after)]
  return {
    what: 'slots',
    before: String(now.count),
    after: String(then.count),
    text: `Compile processes at once: ${now.count} → ${then.count}.`,
    formula: `now ${now.because.formula}; then ${then.because.formula}`,
    source: then.because.source,
    check: 'narwhal assess; time a build before and after: narwhal experiment',
  }
}

function served(before: Machine, after: Machine): Effect | undefined {
  const [now, then] = [delivery(before), delivery(after)]
  if (now.bytesPerSecond === undefined || then.bytesPerSecond === undefined) return undefined
  const [from, to] = [now, then].map(({ bytesPerSecond }) => formatByteSpeed(bytesPerSecond ?? 0))
  const isEnough = then.bytesPerSecond > gigabitBytesPerSecond * 1.01
  return {
    what: 'delivery',
    before: from ?? '',
    after: to ?? '',
    text: `NARs handed out that are not in memory, 16 at once: ${from} → ${to}${isEnough ? ' (clients on a gigabit see 117.7)' : ''}.`,
    formula: `now ${now.because.formula}; then ${then.because.formula}`,
    source: then.because.source,
    check: then.because.check,
  }
}

function memory(before: Machine, after: Machine): Effect {
  const [now, then] = [before, after].map((machine) => formatSize(machine.memory.totalBytes))
  return {
    what: 'memory',
    before: now ?? '',
    after: then ?? '',
    text: `Memory Linux sees: ${now} → ${then}.`,
    formula: `the new modules alone, less 4 % for firmware = ${then}`,
    source: 'MemTotal of machines with 8 to 64 GiB: 96 to 98 % of their modules',
    check: 'grep MemTotal /proc/meminfo',
  }
}

function disk(before: Machine, after: Machine): Effect | undefined {
  const [now, then] = [before.disks[0]?.freeBytes, after.disks[0]?.freeBytes]
  if (before.disks.length === after.disks.length || then === undefined) return undefined
  const from = now === undefined ? 'unknown' : formatSize(now)
  return {
    what: 'disk',
    before: from,
    after: formatSize(then),
    text: `Free for store and cache: ${from} → ${formatSize(then)}.`,
    formula: `the new disk less the store = ${formatSize(then)}`,
    source: "narwhal diagnose; the size on the disk's box",
    check: 'df -h /nix',
  }
}
