import { type Role, roles } from '../../src/advice/roles.ts'
import { wantedConfig } from '../../src/cli/generate-config/wanted-config.ts'
import { type ConfigFile, clientFiles, serverFiles } from '../../src/nixos/config-files.ts'
import type { WantedConfig } from '../../src/nixos/wanted-config.ts'
import { type MachineName, machines } from '../support/machines.ts'

/** One way to ask for configuration, and what came of it. */
export interface Combination {
  readonly name: string
  readonly machine: MachineName
  readonly role: Role
  readonly isClient: boolean
  readonly isTuned: boolean
  readonly isDistributed: boolean
  readonly config: WantedConfig
  readonly files: readonly ConfigFile[]
}

const key = 'cache.lan-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY='
const both = [false, true]

/** Every machine in every role, as server and client, with and without --tune and --distributed. */
export function combinations(): Combination[] {
  const names = Object.keys(machines) as MachineName[]
  return names.flatMap((machine) =>
    roles.flatMap((role) =>
      both.flatMap((isClient) =>
        both.flatMap((isTuned) =>
          both.map((isDistributed) =>
            combination({ machine, role, isClient, isTuned, isDistributed }),
          ),
        ),
      ),
    ),
  )
}

function combination(
  asked: Pick<Combination, 'machine' | 'role' | 'isClient' | 'isTuned' | 'isDistributed'>,
): Combination {
  const { machine, role, isClient, isTuned, isDistributed } = asked
  const flags = Object.entries({ isClient, isTuned, isDistributed }).filter(([, on]) => on)
  const name = [machine, role, ...flags.map(([flag]) => flag)].join(' ')
  const config = wantedConfig(machines[machine], {
    role,
    isClient,
    isTuned,
    command: `narwhal generate-config --machine ${machine}.json`,
    warning: undefined,
    serverAddresses: isClient ? ['http://near.lan:5000', 'http://far.lan:5000'] : [],
    upstreams: isDistributed ? ['http://big.lan:5000'] : [],
    publicKeys: isDistributed ? [key] : [],
    signingKeyFile: undefined,
    buildMachine: isDistributed
      ? { host: 'big.lan', user: 'nix-builder', maxJobs: isTuned ? 8 : undefined }
      : undefined,
  })
  return { ...asked, name, config, files: isClient ? clientFiles(config) : serverFiles(config) }
}
