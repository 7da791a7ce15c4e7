import { formatSize, MiB } from '../../units.ts'
import type { Machine } from '../machine.ts'
import type { MemoryBudget } from '../memory-budget.ts'
import type { Role } from '../roles.ts'
import type { Setting } from '../setting.ts'
import { diskNames, mainDisk, withArticle } from '../speeds.ts'
import { option, systemdSize } from './option.ts'

const daemon = ['systemd', 'services', 'nix-daemon', 'serviceConfig'] as const

/** Builds step back from what is served, and never take the memory of it. */
export function daemonSettings(
  machine: Machine,
  { role, budget }: { role: Role; budget: MemoryBudget },
): Setting[] {
  const kind = mainDisk(machine)?.kind
  const isSlow = kind === 'hdd' || kind === 'sd' || kind === 'usb' || kind === 'emmc'
  const serves = role !== 'builder'
  const policy = serves ? 'idle' : 'batch'
  return [
    option(['nix', 'daemonCPUSchedPolicy'], policy, {
      text: serves
        ? 'Serving is the work of this machine: builds get what it leaves.'
        : 'Builds are long and need no quick turns; what answers people does.',
      source: 'sched(7), SCHED_BATCH and SCHED_IDLE',
      check: 'chrt -p $(pgrep -o nix-daemon)',
    }),
    option(['nix', 'daemonIOSchedClass'], serves || isSlow ? 'idle' : 'best-effort', {
      text:
        serves || isSlow
          ? `Reads for clients go before the writes of builds${isSlow ? ` on ${kind && withArticle(diskNames[kind])}` : ''}.`
          : 'The disk is fast enough to share.',
      source: 'ioprio_set(2)',
      check: 'ionice -p $(pgrep -o nix-daemon)',
    }),
    ...daemonMemory(budget),
  ]
}

/** With less for the daemon a limit would only stop it. */
const leastDaemonBytes = 384 * MiB

/** What is left beside system and narwhal is the most builds may take, and the daemon with them. */
function daemonMemory(budget: MemoryBudget): Setting[] {
  const { totalBytes, systemBytes, zramBytes, narwhalMaxBytes } = budget
  const maxBytes = Math.floor((totalBytes - systemBytes - zramBytes - narwhalMaxBytes) / MiB) * MiB
  const oom = option([...daemon, 'OOMScoreAdjust'], 250, {
    text: 'When memory runs out, a build dies before the cache does.',
    source: 'systemd.exec(5), OOMScoreAdjust: 0 is usual, 1000 dies first',
    check: 'systemctl show nix-daemon -p OOMScoreAdjust',
  })
  if (maxBytes < leastDaemonBytes) return [oom]
  const formula = `${formatSize(totalBytes)} − ${formatSize(systemBytes)} system − ${formatSize(narwhalMaxBytes)} narwhal − ${formatSize(zramBytes)} zram = ${formatSize(maxBytes)}`
  const check = 'systemctl status nix-daemon: the line "Memory"'
  return [
    option([...daemon, 'MemoryHigh'], systemdSize(Math.floor((maxBytes * 0.9) / MiB) * MiB), {
      text: 'From nine tenths of its limit on, builds are slowed down and moved to swap.',
      formula: `${formula}; × 0.9`,
      source: 'systemd.resource-control(5), MemoryHigh',
      check,
    }),
    option([...daemon, 'MemoryMax'], systemdSize(maxBytes), {
      text: 'Builds together never take what the system and narwhal need.',
      formula,
      source: 'systemd.resource-control(5), MemoryMax',
      check,
    }),
    oom,
  ]
}
