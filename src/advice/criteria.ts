import { formatSize, MiB } from '../units.ts'
import { memoryPressureShare } from './bottlenecks/memory.ts'
import type { Machine } from './machine.ts'
import { predict, predictionOf } from './predict.ts'
import { formatBitSpeed, formatShare } from './rates.ts'
import { linkSpeed, mainDisk } from './speeds.ts'
import type { Upkeep } from './upkeep.ts'
import type { Statement } from './verdict.ts'

/** One mark of a well-kept cache, held against what a machine shows. */
export interface CriterionCheck {
  readonly id: 'K1' | 'K2' | 'K3' | 'K4' | 'K5' | 'K6'
  readonly name: string
  /** `unknown`: this machine alone does not show it; the statement's check does */
  readonly state: 'met' | 'missed' | 'unknown'
  readonly statement: Statement
}

/**
 * The criteria of a well-kept cache as far as a machine shows them. What nobody has put to the test
 * is unknown, never met.
 *
 * @param upkeep undefined for a machine that is not this one
 */
export function checkCriteria(machine: Machine, upkeep: Upkeep | undefined): CriterionCheck[] {
  return [
    hitLatency(machine),
    throughput(machine),
    fasterBuilds,
    responsive(machine),
    oomKills(machine),
    room(machine),
    recovery(upkeep),
    garbage(machine, upkeep),
    monitored(upkeep),
    documented,
  ]
}

const bench = 'narwhal bench http://localhost:5000'
const wantedBits = 800e6
const leastFreeShare = 0.05
const longWaitShare = 0.4

function state(holds: boolean | undefined): CriterionCheck['state'] {
  return holds === undefined ? 'unknown' : holds ? 'met' : 'missed'
}

function hitLatency(machine: Machine): CriterionCheck {
  const { statement } = predictionOf(predict(machine), 'narinfoLatencyMs')
  return {
    id: 'K1',
    name: 'Hits within 100 ms',
    state: 'unknown',
    statement: { ...statement, text: `Not measured. Predicted: ${statement.text}`, check: bench },
  }
}

function throughput(machine: Machine): CriterionCheck {
  const name = 'More than 800 Mbit/s'
  const measured = machine.measured.linkBytesPerSecond
  if (measured !== undefined)
    return {
      id: 'K2',
      name,
      state: state(measured * 8 > wantedBits),
      statement: {
        text: `${formatBitSpeed(measured * 8)} measured from the cache.`,
        source: 'measured here',
        check: bench,
      },
    }
  const link = linkSpeed(machine)
  // What the link cannot carry needs no measuring; what it can is not shown yet.
  const isTooSlow = link !== undefined && link.bytesPerSecond * 8 <= wantedBits
  return {
    id: 'K2',
    name,
    state: isTooSlow ? 'missed' : 'unknown',
    statement: {
      text:
        link === undefined
          ? 'Not measured, and the rate of the link is not known.'
          : `${isTooSlow ? 'The link carries' : 'Not measured. The link carries'} ${formatBitSpeed(link.bytesPerSecond * 8)} at most.`,
      ...(link && { formula: link.formula }),
      source: link?.source ?? 'a gigabit link carries 941 Mbit/s',
      check: bench,
    },
  }
}

const fasterBuilds: CriterionCheck = {
  id: 'K3',
  name: 'Builds 20 to 50 % faster',
  state: 'unknown',
  statement: {
    text: 'Only your own builds show it: time one without the cache and one with it.',
    source: 'a comparison, not a figure of this machine',
    check: 'narwhal experiment start cache --change "substituters" --command "nix build …"',
  },
}

function responsive({ troubles }: Machine): CriterionCheck {
  const waits = [
    ['memory', troubles.memoryPressure, memoryPressureShare],
    ['the disk', troubles.ioPressure, longWaitShare],
    ['a processor', troubles.cpuPressure, longWaitShare],
  ] as const
  const known = waits.filter(([, share]) => share !== undefined)
  const worst = known.filter(([, share = 0, most]) => share >= most)
  const shown = known.map(([what, share = 0]) => `${what} ${formatShare(share)}`)
  return {
    id: 'K4',
    name: 'Responsive',
    state: state(known.length === 0 ? undefined : worst.length === 0),
    statement: {
      text:
        known.length === 0
          ? 'Not known: there are no pressure figures (PSI).'
          : `Programs waited in the last five minutes: for ${shown.join(', for ')}. While it builds is when it counts.`,
      formula: waits.map(([what, , most]) => `${what} < ${formatShare(most)}`).join(', '),
      source: 'docs.kernel.org, PSI: some avg300',
      check: 'grep . /proc/pressure/*',
    },
  }
}

function oomKills({ troubles }: Machine): CriterionCheck {
  const kills = troubles.oomKills
  return {
    id: 'K5',
    name: 'No OOM kills',
    state: state(kills === undefined ? undefined : kills === 0),
    statement: {
      text: kills === undefined ? 'Not known.' : `${kills} since the machine was started.`,
      source: 'the counter oom_kill of the kernel',
      check: 'grep oom_kill /proc/vmstat',
    },
  }
}

function room(machine: Machine): CriterionCheck {
  const disk = mainDisk(machine)
  const { freeBytes, totalBytes, freeInodeShare, mountPoint = '/' } = disk ?? {}
  const share = freeBytes !== undefined && totalBytes ? freeBytes / totalBytes : undefined
  const isKnown = share !== undefined && freeBytes !== undefined
  const isEnough = isKnown && share >= leastFreeShare && freeBytes >= 1024 * MiB
  const hasInodes = freeInodeShare === undefined || freeInodeShare >= leastFreeShare
  const inodes =
    freeInodeShare === undefined ? '' : `, and ${formatShare(freeInodeShare)} of the inodes`
  return {
    id: 'K5',
    name: 'Disk not full',
    state: state(isKnown ? isEnough && hasInodes : undefined),
    statement: {
      text: isKnown
        ? `${formatSize(freeBytes)} of ${formatSize(totalBytes ?? 0)} free (${formatShare(share)})${inodes}.`
        : 'The room on the disk is not known.',
      formula: `≥ ${formatShare(leastFreeShare)} and ≥ 1 GiB`,
      source: 'narwhal keeps cache.min_free (5 %) free',
      check: `df -h ${mountPoint}; df -i ${mountPoint}`,
    },
  }
}

const elsewhere = 'Not known of another machine.'

function recovery(upkeep: Upkeep | undefined): CriterionCheck {
  const restartsNarwhal = upkeep?.restartsNarwhal
  return {
    id: 'K5',
    name: 'Comes back by itself',
    state: state(restartsNarwhal),
    statement: {
      text: recoveryText(upkeep),
      source: 'systemd.service(5), Restart',
      check: 'systemctl show narwhal -p Restart,NRestarts; narwhal status: uptime',
    },
  }
}

function recoveryText(upkeep: Upkeep | undefined): string {
  if (upkeep === undefined) return elsewhere
  if (upkeep.restartsNarwhal === undefined)
    return 'No unit narwhal.service was found here; what starts it again is not known.'
  return upkeep.restartsNarwhal
    ? 'systemd starts narwhal again when it ends.'
    : 'The unit narwhal.service has no Restart=.'
}

function garbage({ system }: Machine, upkeep: Upkeep | undefined): CriterionCheck {
  const collectsGarbage = upkeep?.collectsGarbage
  const minFree = Number(system.nixSettings['min-free'] ?? 0)
  const onDemand =
    minFree > 0 ? ` Nix collects during builds too, below ${formatSize(minFree)} free.` : ''
  return {
    id: 'K6',
    name: 'Garbage collection automated',
    state: state(collectsGarbage),
    statement: {
      text: `${
        collectsGarbage === undefined
          ? 'Not known whether a timer collects garbage.'
          : collectsGarbage
            ? 'The timer nix-gc.timer is on.'
            : 'No timer collects garbage: nix.gc.automatic, with --delete-older-than 14d.'
      }${onDemand}`,
      source: 'NixOS options, nix.gc; units that systemd starts by itself',
      check: 'systemctl list-timers nix-gc',
    },
  }
}

function monitored(upkeep: Upkeep | undefined): CriterionCheck {
  const monitors = upkeep?.monitors
  return {
    id: 'K6',
    name: 'Monitored',
    state: state(monitors === undefined ? undefined : monitors.length > 0),
    statement: {
      text:
        monitors === undefined
          ? 'Not known whether something watches this machine.'
          : monitors.length > 0
            ? `${monitors.join(', ')}: ${monitors.length === 1 ? 'starts by itself' : 'start by themselves'}.`
            : 'Nothing that is known to watch machines starts by itself; narwhal has /metrics, config/alert-rules.yml and narwhal monitor.',
      source: 'units that systemd starts by itself',
      check: 'curl http://localhost:5000/metrics',
    },
  }
}

const documented: CriterionCheck = {
  id: 'K6',
  name: 'Documented, with a runbook',
  state: 'unknown',
  statement: {
    text: 'No machine shows it: narwhal project-template writes a start, docs/runbook.md has the rest.',
    source: 'a document, not a figure',
    check: 'narwhal project-template',
  },
}
