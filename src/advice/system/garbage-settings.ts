import { formatSize } from '../../units.ts'
import type { Machine } from '../machine.ts'
import { optimisesAtOnce } from '../nix-settings.ts'
import type { Setting } from '../setting.ts'
import { diskNames, mainDisk, withArticle } from '../speeds.ts'
import type { Statement } from '../verdict.ts'
import { nixosManual, option } from './option.ts'

/** Small and full disks are cleaned every day. */
export function garbageSettings(machine: Machine): Setting[] {
  const disk = mainDisk(machine)
  const { totalBytes, freeBytes } = disk ?? {}
  const isSmall = totalBytes !== undefined && totalBytes < 100e9
  const usedShare =
    totalBytes !== undefined && freeBytes !== undefined ? 1 - freeBytes / totalBytes : undefined
  const isFull = usedShare !== undefined && usedShare > 0.8
  const why = isFull
    ? `${Math.round(usedShare * 100)} % of the disk is in use`
    : isSmall
      ? `the disk has ${formatSize(totalBytes)}`
      : 'the disk has room'
  const check =
    'systemctl list-timers nix-gc; nix-env -p /nix/var/nix/profiles/system --list-generations'
  const schedule: Statement = {
    text: `Garbage is collected ${isFull || isSmall ? 'daily' : 'weekly'}: ${why}.`,
    source: `${nixosManual}, nix.gc`,
    check,
  }
  return [
    option(['nix', 'gc', 'automatic'], true, schedule),
    option(['nix', 'gc', 'dates'], isFull || isSmall ? 'daily' : 'weekly', schedule),
    option(['nix', 'gc', 'options'], '--delete-older-than 14d', {
      text: 'Two weeks of generations stay to roll back to. Never -d: it deletes all but the running one, and with them the way back.',
      source: 'nix-collect-garbage(1)',
      check,
    }),
    option(['nix', 'gc', 'persistent'], true, {
      text: 'A machine that was off at the time collects when it is on again.',
      source: 'systemd.timer(5), Persistent',
      check,
    }),
    option(['nix', 'gc', 'randomizedDelaySec'], '45min', {
      text: 'Machines that share a disk or a host do not all begin at once.',
      source: 'systemd.timer(5), RandomizedDelaySec',
      check,
    }),
    ...(optimisesAtOnce(machine)
      ? []
      : [
          option(['nix', 'optimise', 'automatic'], true, optimise(machine)),
          option(['nix', 'optimise', 'dates'], 'Sun 04:00', optimise(machine)),
        ]),
  ]
}

function optimise(machine: Machine): Statement {
  const kind = mainDisk(machine)?.kind
  return {
    text: `Equal files are linked once a week, on Sunday, away from Monday's garbage collection, and not with every path added${kind ? ` to ${withArticle(diskNames[kind])}` : ''}.`,
    source: `${nixosManual}, nix.optimise`,
    check: 'systemctl list-timers nix-optimise',
  }
}
