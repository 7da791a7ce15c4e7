import type { Role } from '../roles.ts'
import type { Upgrade } from './upgrade.ts'

/**
 * What to do with what was bought, one upgrade after the other: so that each is measured by itself,
 * and each leaves a machine that works.
 */
export function migrationOf(upgrades: readonly Upgrade[], role: Role): string[] {
  return upgrades.flatMap(({ title, steps }, at) => [
    `Measure as it is: narwhal experiment start upgrade-${at + 1} --change "${title}"`,
    ...steps,
    `Fit the settings to the new hardware: narwhal generate-config --auto --role ${role} -o DIR; compare, import, nixos-rebuild switch.`,
    'Measure again and write down: narwhal experiment measure, then narwhal experiment keep (or revert).',
  ])
}
