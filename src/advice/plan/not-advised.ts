import { formatSize } from '../../units.ts'
import type { Machine } from '../machine.ts'
import type { Statement } from '../verdict.ts'
import { memoryObstacle } from './memory-forms.ts'
import type { Upgrade } from './upgrade.ts'

/** Says why a part that people think of first is not in the plan. */
export function notAdvised(machine: Machine, upgrades: readonly Upgrade[]): Statement[] {
  const has = (place: Upgrade['place']) => upgrades.some((upgrade) => upgrade.place === place)
  const found: Statement[] = []
  const obstacle = memoryObstacle(machine)
  if (obstacle !== undefined)
    found.push({
      text: `Memory: ${obstacle}.`,
      source: 'what the machine tells of its processor and virtualisation',
      check: 'systemd-detect-virt; sudo dmidecode -t 17',
    })
  if (!has('disk')) found.push(noDisk(machine))
  return found
}

function noDisk({ disks, system }: Machine): Statement {
  const [disk] = disks
  const size = disk?.totalBytes === undefined ? '' : ` of ${formatSize(disk.totalBytes)}`
  const isSsd = disk?.kind === 'ssd' || disk?.kind === 'nvme'
  const text = isSsd
    ? `SSD: there is one already${size}, faster than a gigabit link.`
    : disk?.kind === 'virtual' || system.virtualization === 'vm'
      ? 'SSD: the disk is virtual; its host decides what it is.'
      : disk?.kind === undefined
        ? 'SSD: what disk this machine has is not known, so nothing is advised.'
        : 'SSD: none in the price table is large enough, or would be faster.'
  return { text, source: 'kind of the first disk', check: 'lsblk -d -o NAME,ROTA,TRAN,SIZE,MODEL' }
}
