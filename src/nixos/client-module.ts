import { buildMachineSection } from './build-machine.ts'
import { moduleText } from './module-text.ts'
import { networkTuningSection } from './network-tuning.ts'
import { mkBefore } from './nix-value.ts'
import { nixAssignments } from './server-module.ts'
import { chainText, nearSubstituters } from './tiers.ts'
import { trustedKeys } from './trusted-keys.ts'
import type { WantedConfig } from './wanted-config.ts'

/**
 * Writes narwhal-client.nix: what a machine needs to substitute from narwhal.
 *
 * @param isOwn for the machine the configuration is made for, not for any client
 */
export function clientModule(config: WantedConfig, isOwn: boolean): string {
  return moduleText({
    header: [
      `narwhal-client.nix: for ${isOwn ? `a machine with ${config.machine}` : 'every machine'} to substitute from narwhal.`,
      `Made by: ${config.command}`,
      '',
      'Import it: imports = [ ./narwhal-client.nix ]; it needs nothing of narwhal on the client.',
      'What you set in configuration.nix beats what stands here.',
    ].join('\n'),
    sections: [
      {
        title: 'Caches',
        assignments: [
          {
            path: ['nix', 'settings', 'substituters'],
            value: mkBefore(nearSubstituters(config.serverAddresses)),
            because: `Nearest first: ${chainText(config)}. The priorities hold that order: caches of the same kind all say 30 of themselves.`,
          },
          ...trustedKeys(config.publicKeys),
        ],
      },
      {
        title: 'Patience',
        assignments: nixAssignments(config.clientNix, isOwn ? config.nixVersion : undefined),
      },
      ...(isOwn ? [buildMachineSection(config), networkTuningSection(config)] : []),
    ],
  })
}
