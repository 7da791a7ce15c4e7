import { formatSize, GiB } from '../../units.ts'
import { bandOf, memoryCheck } from '../bands.ts'
import type { Bottleneck } from '../bottleneck.ts'
import type { Machine } from '../machine.ts'
import { formatShare } from '../rates.ts'
import { buildSlots } from '../slots.ts'
import type { Alternative } from '../verdict.ts'
import { canHaveZram, zramPercent, zramSizeBytes } from '../zram.ts'

/** Share of the time in which somebody waits for memory, from which everybody feels it. */
export const memoryPressureShare = 0.1
const leastAvailableShare = 0.08

const fewerJobs: Alternative = {
  kind: 'workaround',
  text: 'Fewer builds at once: max-jobs and cores as narwhal generate-config writes them.',
  cost: 'builds take longer',
}
function moreMemory(machine: Machine): Alternative {
  const targetBytes =
    Math.max(8, 2 ** Math.ceil(Math.log2(machine.memory.totalBytes / GiB) + 0.2)) * GiB
  const then = buildSlots({ ...machine, memory: { ...machine.memory, totalBytes: targetBytes } })
  return {
    kind: 'upgrade',
    text: `More memory: ${targetBytes / GiB} GB hold ${then.count} compile ${then.count === 1 ? 'process' : 'processes'}.`,
    cost: 'narwhal plan --budget prices it',
  }
}

function zram(machine: Machine): Alternative {
  return {
    kind: 'workaround',
    text: `zram of ${zramPercent(machine.memory.totalBytes)} % of memory, before any swap on a disk.`,
    cost: 'some CPU time while memory is short',
  }
}

/** What is wrong with memory, or bounds the machine by it. */
export function memoryBottlenecks(machine: Machine): Bottleneck[] {
  return [
    ...oomKills(machine),
    ...pressure(machine),
    ...almostGone(machine),
    ...swap(machine),
    ...fewSlots(machine),
  ]
}

function oomKills(machine: Machine): Bottleneck[] {
  const { oomKills } = machine.troubles
  if (!oomKills) return []
  const hasZram = machine.memory.zramBytes > 0 || !canHaveZram(machine)
  return [
    {
      id: 'oom-kills',
      part: 'memory',
      severity: 'fault',
      statement: {
        text: `The kernel has killed ${oomKills} ${oomKills === 1 ? 'process' : 'processes'} for want of memory since the start.`,
        formula: `${oomKills} > 0; a well configured cache has none`,
        source: 'the counter oom_kill of the kernel',
        check: 'grep oom_kill /proc/vmstat; journalctl -k -g "out of memory"',
      },
      actions: hasZram
        ? [fewerJobs, moreMemory(machine)]
        : [fewerJobs, zram(machine), moreMemory(machine)],
    },
  ]
}

function pressure(machine: Machine): Bottleneck[] {
  const { memoryPressure } = machine.troubles
  if (memoryPressure === undefined || memoryPressure < memoryPressureShare) return []
  return [
    {
      id: 'memory-pressure',
      part: 'memory',
      severity: 'fault',
      statement: {
        text: `Programs waited for memory in ${formatShare(memoryPressure)} of the last five minutes.`,
        formula: `${formatShare(memoryPressure)} ≥ ${formatShare(memoryPressureShare)}`,
        source: 'docs.kernel.org, PSI: some avg300',
        check: 'cat /proc/pressure/memory',
      },
      actions: [fewerJobs, moreMemory(machine)],
    },
  ]
}

function almostGone({ memory }: Machine): Bottleneck[] {
  const { availableBytes, totalBytes } = memory
  if (availableBytes === undefined || availableBytes >= totalBytes * leastAvailableShare) return []
  return [
    {
      id: 'memory-low',
      part: 'memory',
      severity: 'warning',
      statement: {
        text: `Only ${formatSize(availableBytes)} of ${formatSize(totalBytes)} can be had now; files are no longer cached.`,
        formula: `${formatSize(availableBytes)} / ${formatSize(totalBytes)} = ${formatShare(availableBytes / totalBytes)} < ${formatShare(leastAvailableShare)}`,
        source: 'proc(5), MemAvailable',
        check: 'free -m; systemd-cgtop -m',
      },
      actions: [
        {
          kind: 'workaround',
          text: 'See who holds it: systemd-cgtop -m; stop what is not needed.',
        },
        fewerJobs,
      ],
    },
  ]
}

/** Small memory and no zram: cheap to mend, so a warning; swap on a disk alone is no replacement. */
function swap(machine: Machine): Bottleneck[] {
  const { totalBytes, zramBytes, diskSwapBytes } = machine.memory
  if (zramBytes > 0 || !canHaveZram(machine) || totalBytes >= 7 * GiB) return []
  const disk = diskSwapBytes > 0
  return [
    {
      id: 'no-zram',
      part: 'memory',
      severity: disk ? 'warning' : 'limit',
      statement: {
        text: disk
          ? `Swap is on a disk only (${formatSize(diskSwapBytes)}): a machine that swaps there stands still.`
          : `No zram: ${formatSize(totalBytes)} are all there is before processes are killed.`,
        formula: `zram advised: ${formatSize(totalBytes)} × ${zramPercent(totalBytes)} % = ${formatSize(zramSizeBytes(machine))}`,
        source: 'docs.kernel.org, zram',
        check: 'swapon --show; zramctl',
      },
      actions: [zram(machine)],
    },
  ]
}

function fewSlots(machine: Machine): Bottleneck[] {
  const slots = buildSlots(machine)
  const band = bandOf(machine.memory.totalBytes)
  if (slots.byMemory >= slots.byThreads || slots.count >= 4) return []
  return [
    {
      id: 'few-build-slots',
      part: 'memory',
      severity: 'limit',
      statement: {
        ...slots.because,
        text: `Memory, not the CPU, bounds builds: ${slots.byMemory === 0 ? 'no compile process fits' : `${slots.byMemory} of ${slots.byThreads} threads can compile`} (${band.label}).`,
        check: `${memoryCheck}; nproc`,
      },
      actions: [
        moreMemory(machine),
        { kind: 'alternative', text: 'Build on another machine and let this one serve.' },
      ],
    },
  ]
}
