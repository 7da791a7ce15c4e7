import type { Disk, DiskKind, Machine } from '../machine.ts'
import type { Setting } from '../setting.ts'
import { diskNames, withArticle } from '../speeds.ts'
import { option } from './option.ts'

/** Kinds that gain from being told what is free. */
const trimmed: ReadonlySet<DiskKind> = new Set(['ssd', 'nvme', 'emmc', 'sd', 'virtual'])

/** Schedulers and trimming, for each kind of disk there is; nothing inside a container. */
export function diskSettings({ disks, system }: Machine): Setting[] {
  if (system.virtualization === 'container') return []
  const settings = [
    ...disks
      .filter(({ kind }) => kind && trimmed.has(kind))
      .slice(0, 1)
      .map(trim),
    ...disks.flatMap(scheduler),
  ]
  return settings.filter(({ key }, at) => settings.findIndex((other) => other.key === key) === at)
}

function trim({ kind }: Disk): Setting {
  const name = kind ? diskNames[kind] : 'disk'
  const where = kind === 'virtual' ? ', where its host passes that on' : ''
  return option(['services', 'fstrim', 'enable'], true, {
    text: `Told once a week what is free, ${withArticle(name)} stays fast and wears less${where}.`,
    source: 'fstrim(8)',
    check: 'systemctl list-timers fstrim; lsblk --discard',
  })
}

/** bfq where an arm moves; nothing to sort where the disk or the host does it. */
function scheduler({ kind, name }: Disk): Setting[] {
  const set = (path: readonly string[], value: string, text: string): Setting[] => [
    option(['hardware', 'block', ...path], value, {
      text,
      source: 'docs.kernel.org, block: switching schedulers; ArchWiki, improving performance',
      check: 'cat /sys/block/*/queue/scheduler',
    }),
  ]
  if (kind === 'hdd')
    return set(
      ['defaultSchedulerRotational'],
      'bfq',
      'bfq lets short reads pass long writes: a hard disk does 100 random reads a second.',
    )
  if (kind === 'ssd' || kind === 'emmc' || kind === 'sd')
    return set(
      ['defaultScheduler'],
      'mq-deadline',
      `mq-deadline: ${withArticle(diskNames[kind])} needs no sorting, only bounds on waiting.`,
    )
  if (kind === 'nvme')
    return set(
      ['scheduler', 'nvme[0-9]*'],
      'none',
      'none: an NVMe SSD sorts its many queues itself.',
    )
  if (kind === 'virtual')
    return set(
      ['scheduler', `${/^(xvd|sd)[a-z]/.exec(name)?.[1] ?? 'vd'}[a-z]*`],
      'none',
      'none: the host sorts for its virtual disks.',
    )
  return []
}
