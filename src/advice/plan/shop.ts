import type { Machine } from '../machine.ts'
import type { Role } from '../roles.ts'
import type { Shop } from './combinations.ts'
import { diskUpgrades } from './disk-upgrades.ts'
import { linkUpgrades } from './link-upgrades.ts'
import { machineUpgrades } from './machine-upgrades.ts'
import { memoryUpgrades } from './memory-upgrades.ts'
import type { MemoryForm, Part } from './part.ts'

/** All that could be bought for a machine. */
export function openShop(
  { machine, role }: { readonly machine: Machine; readonly role: Role },
  parts: readonly Part[],
  memoryForm?: MemoryForm,
): Shop {
  const upgrades = [
    ...memoryUpgrades(machine, parts, memoryForm),
    ...diskUpgrades(machine, parts),
    ...linkUpgrades(machine, parts),
    ...machineUpgrades(machine, parts),
  ]
  return { machine, role, upgrades }
}
