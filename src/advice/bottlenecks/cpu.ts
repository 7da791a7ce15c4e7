import type { Bottleneck } from '../bottleneck.ts'
import type { Machine } from '../machine.ts'
import { coresOf } from '../memory-budget.ts'
import { formatShare } from '../rates.ts'
import { busyShare } from '../upgrade-need.ts'

const cpuPressureShare = 0.4

/** What is wrong with the CPU, or bounds the machine by it. */
export function cpuBottlenecks(machine: Machine): Bottleneck[] {
  return [...throttled(machine), ...busy(machine), ...single(machine)]
}

function throttled({ cpu }: Machine): Bottleneck[] {
  if (!cpu.throttledCount) return []
  return [
    {
      id: 'throttled',
      part: 'cpu',
      severity: 'warning',
      statement: {
        text: `The CPU was slowed down for heat ${cpu.throttledCount} ${cpu.throttledCount === 1 ? 'time' : 'times'} since the start.`,
        source: 'thermal_throttle of the kernel',
        check: 'grep . /sys/devices/system/cpu/cpu*/thermal_throttle/*_count; sensors',
      },
      actions: [
        { kind: 'workaround', text: 'Clean the fan and the heat sink; let air through.' },
        { kind: 'upgrade', text: 'A heat sink or a fan, new thermal paste.', cost: 'about $10' },
      ],
    },
  ]
}

function busy({ troubles }: Machine): Bottleneck[] {
  const { cpuUtilization, cpuPressure } = troubles
  const isBusy = cpuUtilization !== undefined && cpuUtilization >= busyShare
  const isWaitedFor = cpuPressure !== undefined && cpuPressure >= cpuPressureShare
  if (!isBusy && !isWaitedFor) return []
  const text = [
    isBusy && `The CPU is in use ${formatShare(cpuUtilization)} of the time`,
    isWaitedFor &&
      `${isBusy ? 'p' : 'P'}rograms waited for it in ${formatShare(cpuPressure)} of the last five minutes`,
  ]
  return [
    {
      id: 'cpu-busy',
      part: 'cpu',
      severity: 'warning',
      statement: {
        text: `${text.filter(Boolean).join(', and ')}.`,
        formula: [
          isBusy && `${formatShare(cpuUtilization)} ≥ ${formatShare(busyShare)}`,
          isWaitedFor && `${formatShare(cpuPressure)} ≥ ${formatShare(cpuPressureShare)}`,
        ]
          .filter(Boolean)
          .join('; '),
        source: '/proc/stat; docs.kernel.org, PSI: some avg300',
        check: 'narwhal monitor; cat /proc/pressure/cpu',
      },
      actions: [
        {
          kind: 'workaround',
          text: 'Builds step back: nix.daemonCPUSchedPolicy as narwhal generate-config writes it; fewer at once.',
        },
        { kind: 'upgrade', text: 'A faster CPU, if builds are too slow for you.' },
      ],
    },
  ]
}

function single(machine: Machine): Bottleneck[] {
  const cores = coresOf(machine)
  if (cores >= 2) return []
  return [
    {
      id: 'single-core',
      part: 'cpu',
      severity: 'limit',
      statement: {
        text: 'One core serves, checks what comes and does everything else; nothing is packed anew.',
        formula: `${cores} < 2 cores`,
        source: 'docs/operating.md, recompression',
        check: 'nproc',
      },
      actions: [
        { kind: 'upgrade', text: 'Two cores, in a virtual machine a setting of its host.' },
        { kind: 'alternative', text: 'Put the cache on a machine with two cores or more.' },
      ],
    },
  ]
}
