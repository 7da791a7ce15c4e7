import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { Disk, Link, Machine, Memory, System } from '../advice/machine.ts'
import { readCpu } from './cpu.ts'
import { findDisks } from './disks.ts'
import { type HostRoots, hostRoots } from './host-roots.ts'
import { readLinks } from './links.ts'
import { readMemory } from './memory.ts'
import { countNixProfiles } from './nix-profiles.ts'
import { type NixReading, readNix } from './nix-settings.ts'
import { readNixStore } from './nix-store.ts'
import { countOomKills } from './oom-kills.ts'
import { readOperatingSystem } from './operating-system.ts'
import { readStalls } from './stalls.ts'
import { readSwapSpace } from './swap-space.ts'
import { field, readSystemFile, wholeNumber } from './system-files.ts'
import { sampleUtilization } from './utilization.ts'
import { detectVirtualization } from './virtualization.ts'
import { readWifiRate } from './wifi-rate.ts'

export interface ReadMachineOptions {
  readonly roots?: HostRoots
  /** where narwhal keeps its cache; its disk comes after the Nix store's */
  readonly dataDir?: string
  /** how long the use of processor and disk is looked at; 0: not at all */
  readonly sampleMs?: number
  /** asks Nix; another in tests */
  readonly nix?: () => Promise<NixReading>
}

/**
 * Reads what this machine tells of itself: needs no root, changes nothing, walks no store, and takes
 * some seconds at most. What it does not tell is undefined.
 */
export async function readMachine({
  roots = hostRoots,
  dataDir = '/var/lib/narwhal',
  sampleMs = 1000,
  nix = readNix,
}: ReadMachineOptions = {}): Promise<Machine> {
  const disks = await findDisks([...storeDirectories, dataDir], roots)
  const stalls = readStalls(roots)
  const [system, links, use] = await Promise.all([
    readSystem(roots, nix),
    readAllLinks(roots),
    sampleMs > 0 ? sampleFirst(disks, { lengthMs: sampleMs, roots }) : undefined,
  ])
  return {
    cpu: readCpu(roots),
    memory: readMemoryFacts(roots),
    disks,
    links,
    system,
    troubles: {
      oomKills: countOomKills(roots),
      memoryPressure: stalls.memory,
      ioPressure: stalls.io,
      cpuPressure: stalls.cpu,
      diskUtilization: use?.disk,
      cpuUtilization: use?.cpu,
    },
    measured: {},
  }
}

/** NixOS mounts the store again over itself, read-only: the mount around it is the one people know. */
const storeDirectories = ['/nix', '/nix/store']

function sampleFirst(disks: readonly Disk[], options: { lengthMs: number; roots: HostRoots }) {
  return sampleUtilization(disks[0]?.name.split('+') ?? [], options)
}

function readMemoryFacts(roots: HostRoots): Memory {
  const { totalBytes, availableBytes } = readMemory(roots)
  const kibibytes = field(readSystemFile(roots.proc, 'meminfo'), 'MemTotal:')
  const machineBytes = kibibytes === undefined ? undefined : kibibytes * 1024
  const { zramBytes, diskBytes } = readSwapSpace(roots)
  return {
    totalBytes: totalBytes ?? totalmem(),
    availableBytes,
    zramBytes,
    diskSwapBytes: diskBytes,
    swappiness: wholeNumber(readSystemFile(roots.proc, 'sys/vm/swappiness')),
    isLimited: totalBytes !== undefined && totalBytes < (machineBytes ?? 0),
  }
}

async function readSystem(roots: HostRoots, nix: () => Promise<NixReading>): Promise<System> {
  const { root } = roots
  const [{ version, settings }, store, profiles] = await Promise.all([
    nix(),
    readNixStore(join(root, 'nix')),
    countNixProfiles(join(root, 'nix/var/nix')),
  ])
  return {
    ...readOperatingSystem(roots),
    virtualization: detectVirtualization(roots),
    nixVersion: version,
    nixSettings: settings,
    storeBytes: store?.paths?.bytes,
    storePathCount: store?.paths?.count,
    ...profiles,
  }
}

async function readAllLinks(roots: HostRoots): Promise<Link[]> {
  const links = readLinks(roots)
  return Promise.all(
    links.map(async (link) => {
      if (link.kind !== 'wifi' || link.bitsPerSecond !== undefined) return link
      return { ...link, bitsPerSecond: await readWifiRate(link.name) }
    }),
  )
}
