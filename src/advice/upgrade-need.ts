import { type Branch, branch, type Decision } from './decision.ts'
import type { Machine } from './machine.ts'
import { formatShare } from './rates.ts'
import { diskNames, mainDisk } from './speeds.ts'

/** `measure`: nothing is known to be short, but not everything has been looked at. */
export type UpgradeNeed = 'ram' | 'ssd' | 'disk-load' | 'cpu' | 'none' | 'measure'

export const upgradeTexts: Readonly<Record<UpgradeNeed, string>> = {
  ram: 'more memory first: the kernel kills processes for want of it',
  ssd: 'a faster disk: this one is at work all the time',
  'disk-load':
    'no faster disk, this one is an SSD: find what keeps it busy, or give the cache its own',
  cpu: 'a faster CPU, if builds are too slow for you',
  none: 'no upgrade: nothing is short; change settings instead',
  measure: 'measure first: nothing is known to be short',
}

/** At work as good as all the time. */
export const busyShare = 0.9

/**
 * Decision tree D3, "when to upgrade?": OOM kills → memory, disk busy → SSD, CPU busy → CPU, else
 * none. A figure that is not known is passed by, and said.
 */
export function upgradeNeed(machine: Machine): Decision<UpgradeNeed> {
  const { oomKills, diskUtilization, cpuUtilization } = machine.troubles
  const oom = branch('Processes killed for want of memory?', moreThan(oomKills, 0), {
    text:
      oomKills === undefined
        ? 'Not known here.'
        : `${oomKills} ${oomKills === 1 ? 'process was' : 'processes were'} killed since the start.`,
    source: 'the counter oom_kill of the kernel',
    check: 'grep oom_kill /proc/vmstat',
  })
  if (oom.answer === 'yes') return { leaf: 'ram', path: [oom] }
  const kind = mainDisk(machine)?.kind
  const disk = branch('Disk at work all the time?', atLeast(diskUtilization, busyShare), {
    text:
      diskUtilization === undefined
        ? 'Not measured here.'
        : `The ${kind ? diskNames[kind] : 'disk'} is at work ${formatShare(diskUtilization)} of the time.`,
    formula: share(diskUtilization),
    source: '/proc/diskstats, time spent doing I/O',
    check: 'iostat -x 5; narwhal monitor',
  })
  if (disk.answer === 'yes') {
    const isSsd = kind === undefined ? undefined : kind === 'ssd' || kind === 'nvme'
    const already = branch('Is it an SSD already?', isSsd, {
      text: kind
        ? `It is a ${diskNames[kind]}.`
        : 'The machine does not say what kind of disk it is.',
      source: '/sys/block/*/queue/rotational',
      check: 'lsblk -d -o NAME,ROTA,TRAN,MODEL',
    })
    return { leaf: isSsd ? 'disk-load' : 'ssd', path: [oom, disk, already] }
  }
  const cpu = branch('CPU in use all the time?', atLeast(cpuUtilization, busyShare), {
    text:
      cpuUtilization === undefined
        ? 'Not measured here.'
        : `The CPU is in use ${formatShare(cpuUtilization)} of the time.`,
    formula: share(cpuUtilization),
    source: '/proc/stat',
    check: 'narwhal monitor; cat /proc/pressure/cpu',
  })
  const path: readonly [Branch, ...Branch[]] = [oom, disk, cpu]
  if (cpu.answer === 'yes') return { leaf: 'cpu', path }
  return { leaf: path.some(({ answer }) => answer === 'unknown') ? 'measure' : 'none', path }
}

function moreThan(value: number | undefined, bound: number): boolean | undefined {
  return value === undefined ? undefined : value > bound
}

function atLeast(value: number | undefined, bound: number): boolean | undefined {
  return value === undefined ? undefined : value >= bound
}

function share(value: number | undefined): string {
  const bound = formatShare(busyShare)
  return value === undefined
    ? `wanted: less than ${bound}`
    : `${formatShare(value)} against ${bound}`
}
