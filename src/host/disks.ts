import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk, DiskKind } from '../advice/machine.ts'
import { type DiskFacts, readDiskFacts } from './block-device.ts'
import { type Layers, layersOf } from './device-layers.ts'
import { type HostRoots, hostRoots, resolveUnder } from './host-roots.ts'
import { type Mount, mountOf, readMounts } from './mounts.ts'
import { listSystemDirectory } from './system-files.ts'

/** What stands for files, memory or other disks, or holds a disc that may be out. */
const notADisk = /^(loop|ram|zram|dm-|md|sr|fd|nbd)/
/** The slowest of several disks decides. */
const slowestFirst: readonly (DiskKind | undefined)[] = [
  ...(['sd', 'usb', 'hdd', undefined, 'emmc', 'virtual', 'ssd', 'nvme'] as const),
]
const patienceMs = 1000

/**
 * Finds the disks of this machine: first those that hold the directories given, in their order, then
 * those of the other mounts, then those nothing is mounted from.
 */
export async function findDisks(
  directories: readonly string[],
  roots: HostRoots = hostRoots,
): Promise<Disk[]> {
  const mounts = readMounts(roots)
  const wanted = directories.map((path) => mountOf(resolveUnder(roots.root, path), mounts))
  const others = mounts.filter(({ mountPoint }) => !/^\/(boot|efi)(\/|$)/.test(mountPoint))
  const found: { mount: Mount; layers: Layers; isWanted: boolean }[] = []
  for (const [at, mount] of [...wanted, ...others].entries()) {
    if (mount === undefined || found.some((other) => isSame(other.mount, mount))) continue
    const isWanted = at < wanted.length
    const layers = layersOf(mount, roots)
    const isOnDisk = layers.disks.some((name) => !notADisk.test(name))
    if (isWanted || isOnDisk) found.push({ mount, layers, isWanted })
  }
  const mounted = await Promise.all(found.map((one) => mountedDisk(one, roots)))
  const used = new Set(found.flatMap(({ layers }) => layers.disks))
  const unused = listSystemDirectory(roots.sys, 'block')
    .filter((name) => !notADisk.test(name) && !used.has(name))
    .map((name) => readDiskFacts(name, roots))
    // Readers of cards are there without a card.
    .filter(({ totalBytes }) => totalBytes !== undefined && totalBytes > 0)
  return [...mounted, ...unused.map(unmountedDisk)]
}

/** A file system is often mounted at several places. */
function isSame(one: Mount, other: Mount): boolean {
  if (one.deviceId === other.deviceId) return true
  return one.source.startsWith('/dev/') && one.source === other.source
}

async function mountedDisk(
  { mount, layers }: { mount: Mount; layers: Layers },
  roots: HostRoots,
): Promise<Disk> {
  const facts = layers.disks.map((name) => readDiskFacts(name, roots))
  const between = layers.between.map((name) => readDiskFacts(name, roots))
  const slowest = facts.toSorted((a, b) => rank(a) - rank(b))[0]
  const isInMemory = mount.filesystem === 'tmpfs' || mount.filesystem === 'ramfs'
  return {
    name: layers.disks.join('+') || mount.source,
    kind: isInMemory ? 'tmpfs' : slowest?.kind,
    model: facts.flatMap(({ model }) => model ?? []).join(', ') || undefined,
    ...(await readSpace(mount, roots)),
    filesystem: mount.filesystem,
    mountPoint: mount.mountPoint,
    mountOptions: mount.options,
    scheduler: slowest?.scheduler,
    isHealthy: healthOf([...facts, ...between]),
  }
}

function unmountedDisk(facts: DiskFacts): Disk {
  return {
    ...facts,
    freeBytes: undefined,
    freeInodeShare: undefined,
    filesystem: undefined,
    mountPoint: undefined,
    mountOptions: [],
  }
}

type Space = Pick<Disk, 'totalBytes' | 'freeBytes' | 'freeInodeShare'>

/** Of the file system. One that does not answer, as on a network that is down, is not waited for. */
async function readSpace({ mountPoint }: Mount, { root }: HostRoots): Promise<Space> {
  const patience = AbortSignal.timeout(patienceMs)
  const late = new Promise<undefined>((resolve) => {
    patience.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const space = await Promise.race([statfs(join(root, mountPoint)).catch(() => undefined), late])
  return {
    totalBytes: space && space.blocks * space.bsize,
    // for everybody, not for root alone
    freeBytes: space && space.bavail * space.bsize,
    freeInodeShare: space && space.files > 0 ? space.ffree / space.files : undefined,
  }
}

function rank({ kind }: DiskFacts): number {
  return slowestFirst.indexOf(kind)
}

function healthOf(facts: readonly DiskFacts[]): boolean | undefined {
  if (facts.some(({ isHealthy }) => isHealthy === false)) return false
  return facts.some(({ isHealthy }) => isHealthy === true) ? true : undefined
}
