import { formatSize, GiB } from '../units.ts'
import { figures } from './figures.ts'
import type { Machine } from './machine.ts'
import { isAtLeastNix } from './nix-version.ts'
import type { Role } from './roles.ts'
import type { Setting } from './setting.ts'
import { buildSlots, jobSplit } from './slots.ts'
import { diskNames, mainDisk, mainLink, withArticle } from './speeds.ts'
import type { Statement } from './verdict.ts'

/** What nix.conf is for. */
export interface NixSide {
  /** the machine itself, or those that substitute from it */
  readonly side: 'server' | 'client'
  /** of the Nix that will read the file; by default that of the machine, for clients unknown */
  readonly nixVersion?: string | undefined
  /** the client, where it is known; else one with memory enough is assumed */
  readonly client?: Machine | undefined
}

const manual = 'nix.conf(5)'

/**
 * What nix.conf should say, each setting with its reason. Never `download-attempts`, which Nix 2.35
 * renamed. What the Nix at hand does not know yet is left out.
 */
export function nixSettings(
  machine: Machine,
  role: Role,
  { side, nixVersion, client }: NixSide = { side: 'server' },
): readonly Setting[] {
  const version = nixVersion ?? (side === 'server' ? machine.system.nixVersion : undefined)
  const settings =
    side === 'server'
      ? [...jobSettings(machine, role), ...fetchSettings(machine), ...storeSettings(machine, role)]
      : clientSettings(machine, client)
  return settings.filter(
    ({ minimumNix }) => minimumNix === undefined || isAtLeastNix(version, minimumNix) !== false,
  )
}

function jobSettings(machine: Machine, role: Role): Setting[] {
  const slots = buildSlots(machine)
  const { maxJobs, cores } = jobSplit(machine, role)
  const formula = `${slots.because.formula}; max-jobs ${maxJobs} × cores ${cores} = ${maxJobs * cores} ≤ ${slots.count}`
  const jobs: Statement =
    maxJobs === 0
      ? {
          text: 'No builds here: one compile process would need more than there is. Build elsewhere and copy: nixos-rebuild --target-host.',
          formula,
          source: `${figures.buildJobBytes.source}; ${figures.evaluationBytes.source}`,
          check: slots.because.check,
        }
      : {
          text:
            role === 'builder'
              ? `${maxJobs} ${maxJobs === 1 ? 'build' : 'builds'} at a time, with ${cores} ${cores === 1 ? 'process' : 'processes'} each: Nix starts max-jobs × cores.`
              : 'One build at a time, for what this machine must build for itself.',
          formula,
          source: figures.buildJobBytes.source,
          check: slots.because.check,
        }
  const perJob: Statement = {
    text: `${cores} ${cores === 1 ? 'process' : 'processes'} per build; the default 0 takes every thread for every build.`,
    formula,
    source: `${manual}, cores`,
    check: 'nix config show | grep -E "^(max-jobs|cores) "',
  }
  return [
    { key: 'max-jobs', value: maxJobs, because: jobs },
    { key: 'cores', value: cores, because: perJob },
  ]
}

/** Below this, each download at once is felt. */
const smallBytes = 3.5 * GiB

function downloads({ memory }: Machine): Setting[] {
  const isSmall = memory.totalBytes < smallBytes
  const source = `${manual}; each download unpacks in memory and writes to the disk`
  const size = formatSize(memory.totalBytes)
  return [
    {
      key: 'http-connections',
      value: isSmall ? 8 : 25,
      because: {
        text: isSmall
          ? `8 connections: with ${size}, 25 at once would crowd out everything else.`
          : "25 connections, Nix's own figure.",
        formula: `${size} ${isSmall ? '<' : '≥'} 3.5 GiB`,
        source,
        check: 'nix config show | grep http-connections',
      },
    },
    {
      key: 'max-substitution-jobs',
      value: isSmall ? 4 : 16,
      minimumNix: '2.16',
      because: {
        text: isSmall
          ? `4 paths fetched and unpacked at once fit into ${size}.`
          : "16 paths fetched at once, Nix's own figure.",
        formula: `${size} ${isSmall ? '<' : '≥'} 3.5 GiB`,
        source: `${source}; Nix 2.16 or newer`,
        check: 'nix config show | grep max-substitution-jobs',
      },
    },
  ]
}

function patience(seconds: number, side: 'server' | 'client'): Setting[] {
  return [
    {
      key: 'connect-timeout',
      value: seconds,
      because: {
        text: `A cache that is off costs ${seconds} s instead of minutes: without it Nix waits as long as TCP does.`,
        source: `${manual}, connect-timeout; nix#3514`,
        check: 'nix config show | grep connect-timeout',
      },
    },
    {
      key: 'stalled-download-timeout',
      value: 30,
      because: {
        text: 'A download that brings nothing for 30 s is tried again; the default is 300 s.',
        source: `${manual}, stalled-download-timeout`,
        check: 'nix config show | grep stalled-download-timeout',
      },
    },
    {
      key: 'narinfo-cache-negative-ttl',
      value: side === 'server' ? 300 : 60,
      because: {
        text: `What was absent is asked for again after ${side === 'server' ? '5 minutes' : 'a minute'}; by default Nix believes it for an hour and builds.`,
        source: `${manual}, narinfo-cache-negative-ttl (3600)`,
        check: 'nix config show | grep narinfo-cache-negative-ttl',
      },
    },
  ]
}

function fetchSettings(machine: Machine): Setting[] {
  return [...downloads(machine), ...patience(5, 'server')]
}

function storeSettings(machine: Machine, role: Role): Setting[] {
  return [...freeSpace(machine), ...keep(role), optimise(machine)]
}

/** 5 % and 15 % of the disk, and never less than 1 and 2 GiB. */
function freeSpace(machine: Machine): Setting[] {
  const totalBytes = mainDisk(machine)?.totalBytes
  const minFree = Math.max(GiB, Math.floor((totalBytes ?? 0) * 0.05))
  const maxFree = Math.max(2 * minFree, Math.floor((totalBytes ?? 0) * 0.15))
  const of = totalBytes === undefined ? 'a disk of unknown size' : formatSize(totalBytes)
  const check = 'df -h /nix/store; nix config show | grep -E "^(min|max)-free"'
  return [
    {
      key: 'min-free',
      value: minFree,
      because: {
        text: `With less than ${formatSize(minFree)} free, Nix collects garbage during a build instead of failing.`,
        formula: `max(1 GiB, 5 % of ${of}) = ${formatSize(minFree)}`,
        source: `${manual}, min-free`,
        check,
      },
    },
    {
      key: 'max-free',
      value: maxFree,
      because: {
        text: `It stops collecting at ${formatSize(maxFree)} free, so that something stays cached.`,
        formula: `max(2 × ${formatSize(minFree)}, 15 % of ${of}) = ${formatSize(maxFree)}`,
        source: `${manual}, max-free`,
        check,
      },
    },
  ]
}

function keep(role: Role): Setting[] {
  if (role === 'builder') return []
  const because: Statement = {
    text: 'Nobody develops on this machine: what builds needed may go with the garbage.',
    source: `${manual}, keep-outputs and keep-derivations`,
    check: 'nix config show | grep -E "^keep-(outputs|derivations)"',
  }
  return [
    { key: 'keep-outputs', value: false, because },
    { key: 'keep-derivations', value: false, because },
  ]
}

/** Whether hard-linking equal files at once is cheap: random reads decide. */
export function optimisesAtOnce(machine: Machine): boolean {
  const kind = mainDisk(machine)?.kind
  return kind === 'ssd' || kind === 'nvme'
}

function optimise(machine: Machine): Setting {
  const kind = mainDisk(machine)?.kind
  const atOnce = optimisesAtOnce(machine)
  const disk =
    kind === undefined ? 'The kind of disk is not known' : capital(withArticle(diskNames[kind]))
  return {
    key: 'auto-optimise-store',
    value: atOnce,
    because: {
      text: atOnce
        ? `${disk} finds equal files at once; a third of the store is saved.`
        : `${disk}: looking for equal files with every path added would hold it up; nix.optimise does it once a week.`,
      formula: `${figures.ssdReadsPerSecond.value.toLocaleString('en')} random reads a second on an SSD, ${figures.hddReadsPerSecond.value} on a hard disk`,
      source: `${manual}, auto-optimise-store`,
      check: 'nix config show | grep auto-optimise-store',
    },
  }
}

function capital(text: string): string {
  return `${text[0]?.toUpperCase()}${text.slice(1)}`
}

function clientSettings(server: Machine, client: Machine | undefined): Setting[] {
  const own = client ? downloads(client) : []
  const isWireless = mainLink(server)?.kind === 'wifi'
  return [
    ...own,
    ...patience(isWireless ? 5 : 3, 'client'),
    {
      key: 'fallback',
      value: true,
      minimumNix: '2.24',
      because: {
        text: 'When a download fails for good, Nix builds instead of giving up. Before Nix 2.24 do not set it: 2.8 crashes with it.',
        source: `${manual}, fallback`,
        check: 'nix --version; nix config show | grep ^fallback',
      },
    },
  ]
}
