import type { Machine } from '../../src/advice/machine.ts'
import { memoryBudget } from '../../src/advice/memory-budget.ts'
import { narwhalSettings } from '../../src/advice/narwhal-settings.ts'
import { nixSettings } from '../../src/advice/nix-settings.ts'
import { judgeRole } from '../../src/advice/role-verdict.ts'
import type { Role } from '../../src/advice/roles.ts'
import { buildSlots } from '../../src/advice/slots.ts'
import { zramGainBytes } from '../../src/advice/zram.ts'
import { parseSize } from '../../src/units.ts'

const ranks = { no: 0, 'yes, if': 1, yes: 2 } as const

/** All that must never shrink when a machine gets more of something, as numbers. */
export function capacityOf(machine: Machine, role: Role): Record<string, number> {
  const narwhal = new Map(narwhalSettings(machine, role).map(({ key, value }) => [key, value]))
  const nix = new Map(nixSettings(machine, role).map(({ key, value }) => [key, value]))
  const number = (key: string) => Number(narwhal.get(key))
  const maxSize = String(narwhal.get('cache.max_size'))
  const { totalBytes } = machine.memory
  return {
    answer: ranks[judgeRole(machine, role).answer],
    slots: buildSlots(machine).count,
    processes: Number(nix.get('max-jobs')) * Number(nix.get('cores')),
    'http-connections': Number(nix.get('http-connections')),
    'max-substitution-jobs': Number(nix.get('max-substitution-jobs')),
    'cache.max_size': maxSize.endsWith('%') ? 0 : parseSize(maxSize),
    'cache.memory': parseSize(String(narwhal.get('cache.memory'))),
    'prefetch.max_concurrent': number('prefetch.max_concurrent'),
    'recompress.workers':
      narwhal.get('recompress.enabled') === false
        ? 0
        : Number(narwhal.get('recompress.workers') ?? 0),
    'limits.max_clients': number('limits.max_clients'),
    'limits.upstream_connections': number('limits.upstream_connections'),
    'limits.max_downloads': number('limits.max_downloads'),
    MemoryHigh: memoryBudget(machine, role).narwhalHighBytes,
    // Whole percents round it by up to a hundredth of the memory.
    'memory with zram': totalBytes * 1.01 + zramGainBytes(machine),
  }
}
