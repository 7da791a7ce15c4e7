import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { HostRoots } from './host-roots.ts'
import type { Mount } from './mounts.ts'
import { listSystemDirectory, readSystemFile, type SystemRoots } from './system-files.ts'

/** What a file system lies on, by the names in /sys/block. */
export interface Layers {
  /** disks */
  readonly disks: readonly string[]
  /** what is between: RAID (md0), encryption and LVM (dm-1) */
  readonly between: readonly string[]
}

/** Finds the disks beneath a mount, through partitions, encryption, LVM and RAID. */
export function layersOf(mount: Mount, roots: HostRoots): Layers {
  const layers = idsOf(mount, roots).map((id) => layersBeneath(id, roots))
  return {
    disks: [...new Set(layers.flatMap(({ disks }) => disks))],
    between: [...new Set(layers.flatMap(({ between }) => between))],
  }
}

/** Device numbers; btrfs and bcachefs have one of their own, and may lie on several disks. */
function idsOf({ deviceId, source, filesystem }: Mount, roots: HostRoots): string[] {
  if (!deviceId.startsWith('0:')) return [deviceId]
  if (filesystem === 'zfs') return zfsMembers(source.split('/')[0] ?? '', roots)
  const first = source.split(':').flatMap((part) => idOfNode(part, roots) ?? [])
  const others = first.flatMap((id) => btrfsSiblings(id, roots))
  return [...new Set([...first, ...others])]
}

/** "/dev/sda2", "/dev/mapper/root": looked up in /sys, which also who may not read /dev can. */
function idOfNode(path: string, roots: SystemRoots): string | undefined {
  if (!path.startsWith('/dev/')) return undefined
  const name = basename(path)
  const direct = readSystemFile(roots.sys, 'class/block', name, 'dev')
  if (direct !== undefined) return direct.trim()
  const mapped = listSystemDirectory(roots.sys, 'class/block').find(
    (device) => readSystemFile(roots.sys, 'class/block', device, 'dm/name')?.trim() === name,
  )
  return mapped && readSystemFile(roots.sys, 'class/block', mapped, 'dev')?.trim()
}

/** The other devices of the same btrfs: /sys/fs/btrfs/<uuid>/devices/sda2. */
function btrfsSiblings(id: string, roots: SystemRoots): string[] {
  for (const uuid of listSystemDirectory(roots.sys, 'fs/btrfs')) {
    const ids = listSystemDirectory(roots.sys, 'fs/btrfs', uuid, 'devices').flatMap(
      (name) => readSystemFile(roots.sys, 'class/block', name, 'dev')?.trim() ?? [],
    )
    if (ids.includes(id)) return ids
  }
  return []
}

/** The devices of a ZFS pool, as udev has found them: /run/udev/data/b8:1. */
function zfsMembers(pool: string, { root, sys }: HostRoots): string[] {
  return listSystemDirectory(sys, 'class/block').flatMap((name) => {
    const id = readSystemFile(sys, 'class/block', name, 'dev')?.trim()
    const facts = readSystemFile(root, 'run/udev/data', `b${id}`)?.split('\n') ?? []
    const isMember = facts.includes('E:ID_FS_TYPE=zfs_member')
    return id !== undefined && isMember && facts.includes(`E:ID_FS_LABEL=${pool}`) ? [id] : []
  })
}

function layersBeneath(id: string, roots: SystemRoots): Layers {
  const directory = directoryOf(id, roots)
  if (directory === undefined) return { disks: [], between: [] }
  const isPartition = readSystemFile(directory, 'partition') !== undefined
  const whole = isPartition ? dirname(directory) : directory
  const parts = listSystemDirectory(whole, 'slaves').flatMap(
    (part) => readSystemFile(whole, 'slaves', part, 'dev')?.trim() ?? [],
  )
  if (parts.length === 0) return { disks: [basename(whole)], between: [] }
  const beneath = parts.map((part) => layersBeneath(part, roots))
  return {
    disks: beneath.flatMap(({ disks }) => disks),
    between: [basename(whole), ...beneath.flatMap(({ between }) => between)],
  }
}

function directoryOf(id: string, roots: SystemRoots): string | undefined {
  try {
    return realpathSync(join(roots.sys, 'dev/block', id))
  } catch {
    return undefined
  }
}
