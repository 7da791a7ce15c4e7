import type { Machine } from './machine.ts'
import { memoryBudget } from './memory-budget.ts'
import type { Role } from './roles.ts'
import type { Setting } from './setting.ts'
import { daemonSettings } from './system/daemon-settings.ts'
import { diskSettings } from './system/disk-settings.ts'
import { garbageSettings } from './system/garbage-settings.ts'
import { narwhalLimits } from './system/narwhal-limits.ts'
import { zramSettings } from './system/zram-settings.ts'

/** What NixOS should be told about memory, disks and garbage, as option paths with their reasons. */
export function systemSettings(machine: Machine, role: Role): readonly Setting[] {
  const budget = memoryBudget(machine, role)
  return [
    ...zramSettings(machine),
    ...garbageSettings(machine),
    ...diskSettings(machine),
    ...daemonSettings(machine, { role, budget }),
    ...narwhalLimits(budget),
  ]
}
