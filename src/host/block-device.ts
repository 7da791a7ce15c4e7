import { realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Disk, DiskKind } from '../advice/machine.ts'
import { readSystemFile, type SystemRoots, wholeNumber } from './system-files.ts'

/** What the kernel tells of a whole disk. */
export type DiskFacts = Pick<
  Disk,
  'name' | 'kind' | 'model' | 'totalBytes' | 'scheduler' | 'isHealthy'
>

/** /sys counts in sectors of this size, whatever the disk's own are. */
const sectorBytes = 512
/** How disks call themselves that a hypervisor or a provider makes up. */
const madeUp = /qemu|vmware|vbox|virtual|msft|persistentdisk|nvme_card|amazon elastic|bhyve|xen/i

/** @param name of a whole disk in /sys/block: "sda" */
export function readDiskFacts(name: string, roots: SystemRoots): DiskFacts {
  const read = (...file: string[]) => readSystemFile(roots.sys, 'block', name, ...file)?.trim()
  const sectors = wholeNumber(read('size'))
  const vendor = read('device/vendor')
  // An eMMC or a card has a name instead of a model; ATA is the bus, not who made it.
  const words = [vendor === 'ATA' || /^0x/.test(vendor ?? '') ? '' : vendor]
  const model = [...words, read('device/model') ?? read('device/name')].filter(Boolean).join(' ')
  return {
    name,
    kind: kindOf(name, { path: pathOf(name, roots), model, read }),
    model: model || undefined,
    totalBytes: sectors === undefined ? undefined : sectors * sectorBytes,
    scheduler: /\[([\w-]+)\]/.exec(read('queue/scheduler') ?? '')?.[1],
    isHealthy: healthOf(read),
  }
}

interface Signs {
  /** where the device hangs: ".../pci0000:00/0000:00:14.0/usb2/2-1/…/block/sda" */
  readonly path: string
  readonly model: string
  readonly read: (file: string) => string | undefined
}

function kindOf(name: string, { path, model, read }: Signs): DiskKind | undefined {
  if (/^(vd|xvd)/.test(name) || path.includes('/virtio') || madeUp.test(model)) return 'virtual'
  // Somewhere on the network, or a file: what is behind it cannot be told from here.
  if (/^(nbd|rbd|drbd|loop)/.test(name) || path.includes('/session')) return undefined
  if (name.startsWith('nvme')) return 'nvme'
  if (name.startsWith('mmcblk')) return read('device/type') === 'MMC' ? 'emmc' : 'sd'
  if (/\/usb\d/.test(path)) return 'usb'
  const rotational = read('queue/rotational')
  return rotational === '1' ? 'hdd' : rotational === '0' ? 'ssd' : undefined
}

/**
 * What the kernel knows of a disk's health without asking it: the end of an eMMC's life (JEDEC
 * EXT_CSD PRE_EOL_INFO: 1 normal, 2 warning, 3 urgent), a RAID that has lost a disk, a disk that was
 * taken out of service. SMART itself only root may ask for.
 */
function healthOf(read: Signs['read']): boolean | undefined {
  if (read('device/state') === 'offline') return false
  const missing = wholeNumber(read('md/degraded'))
  if (missing !== undefined) return missing === 0
  const endOfLife = read('device/pre_eol_info')
  if (endOfLife === '0x01') return true
  return endOfLife === '0x02' || endOfLife === '0x03' ? false : undefined
}

function pathOf(name: string, roots: SystemRoots): string {
  try {
    return realpathSync(join(roots.sys, 'block', name))
  } catch {
    return basename(name)
  }
}
