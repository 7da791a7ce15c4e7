import { type BandName, bandOf } from './bands.ts'
import type { Bottleneck } from './bottleneck.ts'
import { findBottlenecks } from './bottlenecks.ts'
import type { Branch } from './decision.ts'
import { expectations, servingLimits } from './expectations.ts'
import type { Machine } from './machine.ts'
import { type MemoryBudget, memoryBudget } from './memory-budget.ts'
import { narwhalSettings } from './narwhal-settings.ts'
import { nixSettings } from './nix-settings.ts'
import { judgeRole } from './role-verdict.ts'
import type { Role } from './roles.ts'
import type { Setting } from './setting.ts'
import { sufficient } from './sufficient.ts'
import { systemSettings } from './system-settings.ts'
import { bestUpgrade, type Upgrade } from './upgrade.ts'
import type { Statement, Verdict } from './verdict.ts'

/** Everything said of one machine in one role. `narwhal assess --json` prints it as it is. */
export interface Assessment {
  readonly role: Role
  readonly verdict: Verdict
  readonly band: BandName
  /** the way through decision tree D1, "is this hardware sufficient?" */
  readonly path: readonly Branch[]
  readonly memory: MemoryBudget
  /** those that matter to the role, worst first */
  readonly bottlenecks: readonly Bottleneck[]
  /** what bounds what clients get, whatever is configured */
  readonly limits: readonly Statement[]
  readonly expectations: readonly Statement[]
  readonly settings: {
    readonly narwhal: readonly Setting[]
    readonly nix: readonly Setting[]
    readonly system: readonly Setting[]
  }
  readonly upgrade: Upgrade
}

/** Judges a machine for a role. */
export function assess(machine: Machine, role: Role): Assessment {
  return {
    role,
    verdict: judgeRole(machine, role),
    band: bandOf(machine.memory.totalBytes).name,
    path: sufficient(machine).path,
    memory: memoryBudget(machine, role),
    bottlenecks: findBottlenecks(machine).filter(({ id }) => concerns(id, role)),
    limits: servingLimits(machine),
    expectations: expectations(machine, role),
    settings: {
      narwhal: narwhalSettings(machine, role),
      nix: nixSettings(machine, role),
      system: systemSettings(machine, role),
    },
    upgrade: bestUpgrade(machine, role),
  }
}

/** Slots for builds do not matter where nothing is built. */
function concerns(id: string, role: Role): boolean {
  return role === 'builder' || id !== 'few-build-slots'
}
