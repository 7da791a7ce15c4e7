import type { Disk, Link, Machine } from './machine.ts'

/** Something of a machine that could not be seen. */
export interface Gap {
  readonly what: string
  readonly why: string
  /** a command that shows it */
  readonly check: string
}

/**
 * What advice would like to know of a machine and could not see, why, and how to see it. Nothing of
 * it is taken for zero, or for good.
 */
export function findGaps(machine: Machine): Gap[] {
  // Where not even a kernel is known, the machine was described by hand.
  if (machine.system.kernel === undefined) return []
  return [
    ...memoryGaps(machine),
    ...machine.disks.flatMap(diskGaps),
    ...linkGaps(machine.links),
    ...cpuGaps(machine),
    ...troubleGaps(machine),
    ...nixGaps(machine),
  ]
}

function isOwnHardware({ system }: Machine): boolean {
  return system.virtualization === 'none' || system.virtualization === undefined
}

function memoryGaps(machine: Machine): Gap[] {
  if (!isOwnHardware(machine)) return []
  return [
    {
      what: 'Whether memory can be added',
      why: "sockets and the most they take stand in the firmware's tables, which only root may read",
      check: 'sudo dmidecode -t memory',
    },
  ]
}

function diskGaps(disk: Disk): Gap[] {
  const { name, kind, filesystem, mountPoint, isHealthy, freeBytes } = disk
  const place = mountPoint ?? `/dev/${name}`
  const gaps: Gap[] = []
  if (kind === undefined)
    gaps.push({
      what: `What kind of disk holds ${place}`,
      why: reasonOfKind(filesystem),
      check: filesystem === 'zfs' ? 'zpool status' : 'lsblk -o NAME,TYPE,ROTA,TRAN,MODEL',
    })
  if (mountPoint !== undefined && freeBytes === undefined)
    gaps.push({
      what: `The room on ${mountPoint}`,
      why: 'the file system did not answer within a second',
      check: `df -h ${mountPoint}`,
    })
  if (isHealthy === undefined && (kind === 'hdd' || kind === 'ssd' || kind === 'nvme'))
    for (const disk of name.split('+'))
      gaps.push({
        what: `The health of ${disk}`,
        why: 'only root may ask a disk for its SMART values',
        check: `sudo smartctl -H /dev/${disk}`,
      })
  if (isHealthy === undefined && (kind === 'sd' || kind === 'usb'))
    gaps.push({
      what: `The health of ${name}`,
      why: `${kind === 'sd' ? 'SD cards' : 'most disks on USB'} do not tell`,
      check: `journalctl -k -g ${name}`,
    })
  return gaps
}

const networked = /^(nfs|cifs|smb|9p|virtiofs|ceph|glusterfs|fuse\.sshfs)/

function reasonOfKind(filesystem: string | undefined): string {
  if (filesystem === 'overlay') return 'layers of a container hide the disk beneath them'
  if (filesystem === 'zfs') return 'ZFS manages its disks itself'
  if (networked.test(filesystem ?? '')) return 'it is on another machine'
  return 'the kernel does not tell'
}

function linkGaps(links: readonly Link[]): Gap[] {
  const [link] = links
  if (link === undefined)
    return [{ what: 'The link', why: 'no network interface is in use', check: 'ip -brief addr' }]
  if (link.bitsPerSecond !== undefined || link.isUp === false) return []
  const what = `The rate of ${link.name}`
  if (link.kind === 'wifi')
    return [{ what, why: 'only iw(8) can ask for it', check: `iw dev ${link.name} link` }]
  return [
    link.kind === 'virtual'
      ? {
          what,
          why: 'a virtual card has none of its own',
          check: 'narwhal diagnose --measure --against http://cache:5000',
        }
      : { what, why: 'its driver does not tell', check: `ethtool ${link.name}` },
  ]
}

function cpuGaps(machine: Machine): Gap[] {
  if (machine.cpu.throttledCount !== undefined) return []
  const isArm = machine.cpu.architecture?.startsWith('arm') === true
  return [
    isOwnHardware(machine)
      ? {
          what: 'Whether heat slows the processor down',
          why: 'the kernel keeps no count of it here',
          check: isArm ? 'vcgencmd get_throttled; sensors' : 'sensors; journalctl -k -g throttl',
        }
      : {
          what: 'Whether heat slows the processor down',
          why: 'a guest does not see it',
          check: 'on the host: sensors',
        },
  ]
}

function troubleGaps({ troubles }: Machine): Gap[] {
  const gaps: Gap[] = []
  const { memoryPressure, ioPressure, cpuPressure, oomKills } = troubles
  if ([memoryPressure, ioPressure, cpuPressure].every((share) => share === undefined))
    gaps.push({
      what: 'How long programs wait for memory, disk and processor',
      why: 'this kernel keeps no pressure figures (PSI)',
      check: 'cat /proc/pressure/memory; the kernel parameter psi=1 turns them on',
    })
  if (oomKills === undefined)
    gaps.push({
      what: 'Processes killed for want of memory',
      why: 'the kernel does not count them',
      check: 'journalctl -k -g "out of memory"',
    })
  return gaps
}

function nixGaps({ system }: Machine): Gap[] {
  if (system.nixVersion === undefined)
    return [
      {
        what: 'Nix and its settings',
        why: 'there is no nix on PATH, or it did not answer within 3 seconds',
        check: 'nix --version',
      },
    ]
  const gaps: Gap[] = []
  if (Object.keys(system.nixSettings).length === 0)
    gaps.push({
      what: "Nix's settings",
      why: 'nix did not tell them within 3 seconds',
      check: 'nix config show',
    })
  if (system.storeBytes === undefined)
    gaps.push({
      what: 'The size of the Nix store',
      why: "Nix's database is not there, or this user may not read it",
      check: 'sudo nix path-info --all --json | jq "map(.narSize) | add"',
    })
  return gaps
}
