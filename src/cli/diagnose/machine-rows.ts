import type { Disk, Link, Machine } from '../../advice/machine.ts'
import { formatBitSpeed, formatShare } from '../../advice/rates.ts'
import { diskNames } from '../../advice/speeds.ts'
import { formatSize } from '../../units.ts'

/** A label and what is told under it, a line each; an empty label goes on with the one before. */
export type Row = readonly [label: string, ...lines: string[]]

/** A machine as it was found, for people. What is not known is not named: the gaps tell. */
export function machineRows(machine: Machine): Row[] {
  return [
    ['processor', ...cpuLines(machine)],
    ['memory', ...memoryLines(machine)],
    ...machine.disks.map((disk, at): Row => [at === 0 ? 'disk' : '', ...diskLines(disk)]),
    ...machine.links.map((link, at): Row => [at === 0 ? 'link' : '', ...linkLines(link)]),
    ['system', ...systemLines(machine)],
    ['Nix', ...nixLines(machine)],
    ['signs', ...troubleLines(machine)],
  ].filter(([, ...lines]) => lines.some((line) => line !== '')) as Row[]
}

type Part = string | false | undefined

function joined(parts: readonly Part[], between = ', '): string {
  return parts.filter((part) => part).join(between)
}

/** "3 paths", "1 path". */
function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`
}

function cpuLines({ cpu }: Machine): string[] {
  const { model, cores, threads, architecture, maxMegahertz, features, throttledCount } = cpu
  const facts = joined([
    `${Number(cores.toFixed(2))} ${cores === 1 ? 'core' : 'cores'}`,
    counted(threads, 'thread'),
    architecture,
    maxMegahertz !== undefined && `up to ${Number((maxMegahertz / 1000).toFixed(1))} GHz`,
    throttledCount !== undefined &&
      throttledCount > 0 &&
      `slowed down for heat ${counted(throttledCount, 'time')}`,
  ])
  return [model ?? '', facts, features.join(' ')]
}

function memoryLines({ memory }: Machine): string[] {
  const { totalBytes, availableBytes, zramBytes, diskSwapBytes, isLimited } = memory
  return [
    joined([
      `${formatSize(totalBytes)}${isLimited ? ', set by a control group' : ''}`,
      availableBytes !== undefined && `${formatSize(availableBytes)} available`,
    ]),
    // By hand nobody says how much swap there is.
    memory.swappiness === undefined && zramBytes + diskSwapBytes === 0
      ? ''
      : joined([
          zramBytes > 0 ? `zram ${formatSize(zramBytes)}` : 'no zram',
          diskSwapBytes > 0 ? `swap on disk ${formatSize(diskSwapBytes)}` : 'no swap on a disk',
          memory.swappiness !== undefined && `swappiness ${memory.swappiness}`,
        ]),
  ]
}

function diskLines(disk: Disk): string[] {
  const { name, kind, model, freeBytes, totalBytes, freeInodeShare, isHealthy } = disk
  const { filesystem, mountPoint, mountOptions, scheduler } = disk
  const telling = mountOptions.filter((word) => /^(ro|noatime|relatime|compress.*)$/.test(word))
  return [
    `${name}: ${joined([kind === undefined ? 'kind not known' : diskNames[kind], model])}`,
    joined([
      filesystem && `${filesystem}${mountPoint === undefined ? '' : ` on ${mountPoint}`}`,
      ...telling,
      scheduler && `scheduler ${scheduler}`,
    ]),
    joined([
      totalBytes !== undefined &&
        (freeBytes === undefined
          ? formatSize(totalBytes)
          : `${formatSize(freeBytes)} of ${formatSize(totalBytes)} free`),
      totalBytes === undefined && freeBytes !== undefined && `${formatSize(freeBytes)} free`,
      freeInodeShare !== undefined && `${formatShare(freeInodeShare)} of inodes free`,
      isHealthy === true && 'healthy',
      isHealthy === false && 'FAILING',
      mountPoint === undefined &&
        filesystem === undefined &&
        scheduler !== undefined &&
        'nothing is mounted from it',
    ]),
  ]
}

const linkKinds = { ethernet: 'Ethernet', wifi: 'WiFi', virtual: 'virtual' } as const

function linkLines(link: Link): string[] {
  const { name, kind, bitsPerSecond, duplex, driver, mtu, isUp, hasDefaultRoute } = link
  return [
    `${name}: ${joined([
      kind === undefined ? 'kind not known' : linkKinds[kind],
      bitsPerSecond !== undefined && formatBitSpeed(bitsPerSecond),
      duplex && `${duplex} duplex`,
      driver,
      mtu !== undefined && `MTU ${mtu}`,
      isUp === false && 'down',
    ])}`,
    joined([
      link.addresses.join(' '),
      hasDefaultRoute && link.addresses.length > 0 && 'default route',
    ]),
  ]
}

const kindsOfSystem = {
  vm: 'a virtual machine',
  container: 'a container',
  none: 'its own hardware',
} as const

function systemLines({ system }: Machine): string[] {
  const { distribution, kernel, virtualization } = system
  return [
    joined([
      distribution,
      kernel !== undefined && `Linux ${kernel}`,
      virtualization && kindsOfSystem[virtualization],
    ]),
  ]
}

function nixLines({ system }: Machine): string[] {
  const { nixVersion, nixSettings, storeBytes, storePathCount } = system
  return [
    joined([
      nixVersion,
      nixSettings['max-jobs'] && `max-jobs ${nixSettings['max-jobs']}`,
      nixSettings.cores && `cores ${nixSettings.cores}`,
    ]),
    joined([
      storeBytes !== undefined &&
        `store of ${formatSize(storeBytes)}${storePathCount === undefined ? '' : ` in ${counted(storePathCount, 'path')}`}`,
      system.generationCount !== undefined && counted(system.generationCount, 'generation'),
      system.gcRootCount !== undefined && counted(system.gcRootCount, 'GC root'),
    ]),
    nixSettings.substituters ? `substituters ${nixSettings.substituters}` : '',
  ]
}

function troubleLines({ troubles }: Machine): string[] {
  const { oomKills, memoryPressure, ioPressure, cpuPressure } = troubles
  const share = (what: string, value: number | undefined) =>
    value !== undefined && `${what} ${formatShare(value)}`
  const waits = joined([
    share('memory', memoryPressure),
    share('disk', ioPressure),
    share('processor', cpuPressure),
  ])
  const work = joined([
    share('disk', troubles.diskUtilization),
    share('processor', troubles.cpuUtilization),
  ])
  return [
    oomKills === undefined ? '' : `${counted(oomKills, 'OOM kill')} since the start`,
    waits && `waited for (5 minutes): ${waits}`,
    work && `at work now: ${work}`,
  ]
}
