import { checkCriteria } from '../../src/advice/criteria.ts'
import { narwhalSettings } from '../../src/advice/narwhal-settings.ts'
import { nixSettings } from '../../src/advice/nix-settings.ts'
import type { Setting } from '../../src/advice/setting.ts'
import { systemSettings } from '../../src/advice/system-settings.ts'
import { machines } from '../support/machines.ts'
import { holdBlocks, table } from './held-blocks.ts'

/** An office computer with 4 GB and a hard disk: the machine most of this is for. */
const machine = machines['pentium-hdd']

holdBlocks('R2: best-practices.md', {
  'nix-server': () => settingTable(nixSettings(machine, 'builder')),
  'nix-client': () => settingTable(nixSettings(machine, 'builder', { side: 'client' })),
  narwhal: () => settingTable(narwhalSettings(machine, 'builder')),
  system: () => settingTable(systemSettings(machine, 'builder')),
  criteria: () =>
    table(
      ['', 'a well-kept cache', 'how to see it'],
      checkCriteria(machine, undefined).map(({ id, name, statement }) => [
        id,
        name,
        `\`${statement.check}\``,
      ]),
    ),
})

function settingTable(settings: readonly Setting[]): string {
  return table(
    ['setting', 'value', 'why'],
    settings.map(({ key, value, because }) => [`\`${key}\``, `\`${value}\``, because.text]),
  )
}
