import { formatSize } from '../../units.ts'
import type { DiskKind, Machine } from '../machine.ts'
import type { Statement } from '../verdict.ts'
import { freeShare } from './delivery.ts'
import type { DiskPart, Part } from './part.ts'
import { priceOf, type Upgrade } from './upgrade.ts'

/** Below this much free, a disk counts as nearly full. */
export const nearlyFullShare = 0.1
/** Beside the store: room for the cache, and for what the next update brings. */
const roomBytes = 20e9
const storeGrowth = 1.2

/** What takes the place of a slow disk. SSDs are not replaced by faster ones: no client would see it. */
const faster: Readonly<Partial<Record<DiskKind, DiskPart['kind']>>> = {
  hdd: 'sata-ssd',
  sd: 'usb-ssd',
  emmc: 'usb-ssd',
  usb: 'usb-ssd',
}
const larger: Readonly<Partial<Record<DiskKind, DiskPart['kind']>>> = {
  ssd: 'sata-ssd',
  nvme: 'nvme',
}

/** SSDs this machine could keep its store and cache on; none where that gains nothing. */
export function diskUpgrades(machine: Machine, parts: readonly Part[]): Upgrade[] {
  const [disk] = machine.disks
  if (disk?.kind === undefined || machine.system.virtualization === 'vm') return []
  if (machine.system.virtualization === 'container') return []
  const isFull = (freeShare(disk) ?? 1) < nearlyFullShare
  const wanted = faster[disk.kind] ?? (isFull ? larger[disk.kind] : undefined)
  if (wanted === undefined) return []
  const leastBytes = Math.max(
    (machine.system.storeBytes ?? 0) * storeGrowth + roomBytes,
    // A full disk is not helped by a smaller one.
    isFull ? (disk.totalBytes ?? 0) : 0,
  )
  return parts
    .filter((part): part is DiskPart => part.kind === wanted && part.totalBytes >= leastBytes)
    .toSorted((a, b) => a.totalBytes - b.totalBytes)
    .map((part) => {
      const choices = [{ options: [part] as [DiskPart] }]
      return {
        place: 'disk',
        title: part.name,
        priceCents: priceOf(choices),
        parts: choices,
        change: {
          disk: { kind: part.kind === 'nvme' ? 'nvme' : 'ssd', totalBytes: part.totalBytes },
        },
        cautions: [caution(part.kind, leastBytes)],
        steps,
      }
    })
}

function caution(kind: DiskPart['kind'], leastBytes: number): Statement {
  const size = `It must hold at least ${formatSize(leastBytes)}: the store, a fifth more, and the cache.`
  if (kind === 'usb-ssd')
    return {
      text: `The port must be USB 3: on USB 2 every disk stops at 35 MB/s. ${size}`,
      source: 'USB 2.0 carries 480 Mbit/s, of which storage gets about 35 MB/s',
      check: 'lsusb -t: 5000M or more at the port; Driver=uas once the disk is in it',
    }
  if (kind === 'nvme')
    return {
      text: `A free M.2 slot that speaks PCIe is needed, or a case to copy over from. ${size}`,
      source: 'M.2 slots carry SATA, PCIe, or both; the manual of the board says which',
      check: 'sudo dmidecode -t 9 | grep -A4 M.2; lsblk -o NAME,TRAN',
    }
  return {
    text: `A free SATA port, its cable and power, and a place to screw it are needed; in a laptop it takes the place of the old disk. ${size}`,
    source: 'boards have 2 to 6 SATA ports; laptops mostly one',
    check: 'ls /sys/class/ata_port | wc -l; lsblk -o NAME,TRAN',
  }
}

const steps: readonly string[] = [
  'Make a filesystem and mount it at /mnt: sudo mkfs.ext4 -L nix /dev/sdX && sudo mount /dev/disk/by-label/nix /mnt',
  'Stop what writes: sudo systemctl stop narwhal.socket narwhal nix-daemon.socket nix-daemon',
  'Copy the store with its hard links: sudo rsync -aHAX --numeric-ids /nix/ /mnt/',
  'Enter the new disk as fileSystems."/nix" (options noatime), rebuild, reboot; delete the old copy last.',
  "Move narwhal's data_dir there too, or let it fill again: everything in cache/ can be fetched anew.",
]
