import { formatSize, parseSize } from '../units.ts'
import type { Machine } from './machine.ts'
import { nixSettings } from './nix-settings.ts'
import type { Role } from './roles.ts'
import type { Setting } from './setting.ts'
import { buildSlots, usableThreads } from './slots.ts'
import { mainDisk } from './speeds.ts'
import { evaluationStatement } from './system/evaluation.ts'
import { systemSettings } from './system-settings.ts'
import type { Upkeep } from './upkeep.ts'
import type { Statement } from './verdict.ts'

/** A change that is worth making on this machine: what is set now, and what should be. */
export interface Recommendation {
  /** the setting, as its file writes it; undefined where it is a habit, not a setting */
  readonly key: string | undefined
  /** undefined: not known, or not set */
  readonly now: string | undefined
  readonly advised: string | undefined
  readonly because: Statement
}

/**
 * What to change on a machine, as far as it is known how it is set now: what is right already, and
 * what cannot be seen, is not named. `narwhal generate-config` writes all settings.
 */
export function recommend(machine: Machine, upkeep: Upkeep | undefined): Recommendation[] {
  // Roles differ in what they build; for a machine that has memory for it, builds are judged too.
  const role: Role = buildSlots(machine).count > 0 ? 'builder' : 'proxy'
  const system = systemSettings(machine, role)
  return [
    ...jobs(machine, role),
    ...zram(machine, system),
    ...disk(machine, system),
    ...garbage(machine, { system, upkeep }),
    ...nixConf(machine, role),
    ...evaluation(machine),
  ]
}

/** max-jobs and cores as Nix reads them: "auto" and 0 are all threads. */
function jobs(machine: Machine, role: Role): Recommendation[] {
  const now = machine.system.nixSettings
  if (now['max-jobs'] === undefined || now.cores === undefined) return []
  const threads = usableThreads(machine)
  const maxJobs = now['max-jobs'] === 'auto' ? threads : Number(now['max-jobs'])
  const cores = Number(now.cores) === 0 ? threads : Number(now.cores)
  if (maxJobs * cores <= buildSlots(machine).count) return []
  return nixSettings(machine, role)
    .filter(({ key }) => key === 'max-jobs' || key === 'cores')
    .map((setting) => change(setting, now[setting.key]))
    .filter(({ now, advised }) => now !== advised)
}

function zram({ memory }: Machine, system: readonly Setting[]): Recommendation[] {
  if (memory.zramBytes > 0)
    return of(system, 'boot.kernel.sysctl."vm.swappiness"')
      .filter(({ value }) => memory.swappiness !== undefined && memory.swappiness < Number(value))
      .map((setting) => change(setting, String(memory.swappiness)))
  const isRead = memory.swappiness !== undefined
  const now =
    memory.diskSwapBytes > 0 ? 'swap on a disk only' : isRead ? 'no swap at all' : undefined
  return of(system, 'zramSwap.memoryPercent').map((setting) => change(setting, now))
}

function disk(machine: Machine, system: readonly Setting[]): Recommendation[] {
  const found = mainDisk(machine)
  if (!found) return []
  const { scheduler, kind, mountOptions, filesystem, mountPoint = '/nix' } = found
  const schedulers = system
    .filter(({ path }) => path?.[0] === 'hardware' && path[1] === 'block')
    .filter(({ value }) => scheduler !== undefined && scheduler !== value)
    .map((setting) => change(setting, scheduler))
  const isSlow = kind === 'hdd' || kind === 'sd' || kind === 'emmc' || kind === 'usb'
  const option = (name: string, because: Statement): Recommendation => ({
    key: `fileSystems.${JSON.stringify(mountPoint)}.options`,
    now: mountOptions.filter((word) => /^(relatime|strictatime|compress)/.test(word)).join(', '),
    advised: name,
    because,
  })
  const knows = mountOptions.length > 0
  const noatime =
    knows && isSlow && !mountOptions.includes('noatime')
      ? [
          option('noatime', {
            text: 'Reading a file then writes nothing: on a slow disk each write waits with the reads.',
            source: 'mount(8), noatime',
            check: `findmnt -no OPTIONS ${mountPoint}`,
          }),
        ]
      : []
  const compress =
    knows && filesystem === 'btrfs' && !mountOptions.some((word) => word.startsWith('compress'))
      ? [
          option('compress=zstd', {
            text: 'A store on btrfs takes about half the room with it; narwhal keeps NARs packed already.',
            source: 'btrfs(5), compress',
            check: `compsize ${mountPoint}/store`,
          }),
        ]
      : []
  return [...schedulers, ...noatime, ...compress]
}

/** From so many generations on, most of the store is likely kept by old ones. */
const manyGenerations = 50

function garbage(
  machine: Machine,
  { system, upkeep }: { system: readonly Setting[]; upkeep: Upkeep | undefined },
): Recommendation[] {
  const { generationCount } = machine.system
  const timers = [
    ...(upkeep?.collectsGarbage === false ? of(system, 'nix.gc.automatic') : []),
    ...(upkeep?.trims === false ? of(system, 'services.fstrim.enable') : []),
  ]
  const old: Recommendation[] =
    generationCount !== undefined && generationCount > manyGenerations
      ? [
          {
            key: undefined,
            now: `${generationCount} generations`,
            advised: 'nix-collect-garbage --delete-older-than 14d',
            because: {
              text: 'Each generation keeps its whole closure in the store. Two weeks are enough to go back to; never -d.',
              formula: `${generationCount} > ${manyGenerations}`,
              source: 'nix-collect-garbage(1)',
              check: 'ls /nix/var/nix/profiles',
            },
          },
        ]
      : []
  return [...timers.map((setting) => change(setting, 'no timer')), ...old]
}

/** What nix.conf has otherwise than advised; what it has better is left alone. */
function nixConf(machine: Machine, role: Role): Recommendation[] {
  const now = machine.system.nixSettings
  return nixSettings(machine, role).flatMap((setting) => {
    const { key, value } = setting
    const current = now[key]
    if (current === undefined || key === 'max-jobs' || key === 'cores') return []
    const isRight = isAsGood(key, { current, advised: String(value) })
    return isRight ? [] : [change(setting, current)]
  })
}

/** Settings of which more, or less, is as good as what is advised; for all others only the same is. */
const direction: Readonly<Record<string, 'more' | 'less'>> = {
  'min-free': 'more',
  'connect-timeout': 'less',
  'stalled-download-timeout': 'less',
  'narinfo-cache-negative-ttl': 'less',
}

function isAsGood(
  key: string,
  { current, advised }: { current: string; advised: string },
): boolean {
  if (current === advised) return true
  const [have, want] = [Number(current), Number(advised)]
  if (Number.isNaN(have) || Number.isNaN(want)) return false
  // Nix's own limit is "none"; it only matters with min-free, which is judged by itself.
  if (key === 'max-free') return true
  if (direction[key] === 'more') return have >= want
  // 0 is "for ever" where it is a time to wait.
  if (direction[key] === 'less') return have <= want && (have > 0 || key.endsWith('ttl'))
  return false
}

function evaluation(machine: Machine): Recommendation[] {
  const because = machine.system.isNixos ? evaluationStatement(machine) : undefined
  if (!because) return []
  return [
    {
      key: undefined,
      now: undefined,
      advised: 'nixos-rebuild --target-host, from a larger machine',
      because,
    },
  ]
}

function of(settings: readonly Setting[], key: string): readonly Setting[] {
  return settings.filter((setting) => setting.key === key)
}

function change({ key, value, because }: Setting, now: string | undefined): Recommendation {
  return { key, now: now && worded(key, now), advised: worded(key, String(value)), because }
}

/** Bytes for people; nix.conf has them without a unit. */
function worded(key: string, value: string): string {
  if (!/^(min|max)-free$/.test(key) || !/^\d+$/.test(value) || value === '0') return value
  return `${value} (${formatSize(parseSize(value))})`
}
