import type { Machine } from '../../advice/machine.ts'
import { narwhalSettings } from '../../advice/narwhal-settings.ts'
import { nixSettings } from '../../advice/nix-settings.ts'
import type { Role } from '../../advice/roles.ts'
import { systemSettings } from '../../advice/system-settings.ts'
import { lanAccess, lanAddress } from '../../nixos/lan-access.ts'
import type { WantedConfig } from '../../nixos/wanted-config.ts'
import { describeMachine, platformOf } from './describe-machine.ts'
import type { ReadFlags } from './read-flags.ts'

/** What the configuration is for, beside the machine. */
export interface Wish extends ReadFlags {
  readonly role: Role
  readonly isClient: boolean
  readonly isTuned: boolean
  /** as it was typed, to be written into the files */
  readonly command: string
  readonly warning: string | undefined
}

/** Where clients are sent when nobody says where the server is. */
export const placeholderAddress = 'http://narwhal.lan:5000'

/** Joins the advice about a machine with what is wanted of it. */
export function wantedConfig(machine: Machine, wish: Wish): WantedConfig {
  const { role, isClient, isTuned } = wish
  const { system, disks, links, memory } = machine
  const [disk] = disks
  const [link] = links
  const client = isClient ? { client: machine, nixVersion: system.nixVersion } : {}
  return {
    machine: describeMachine(machine),
    command: wish.command,
    role,
    warning: wish.warning,
    nixVersion: system.nixVersion,
    platform: platformOf(machine),
    narwhal: narwhalSettings(machine, role),
    nix: nixSettings(machine, role, { side: 'server' }),
    clientNix: nixSettings(machine, role, { side: 'client', ...client }),
    system: systemSettings(machine, role),
    lan: lanAccess(link),
    storeFilesystem: {
      type: disk?.filesystem,
      mountPoint: disk?.mountPoint,
      mountOptions: disk?.mountOptions ?? [],
    },
    serverAddresses: serverAddresses(wish.serverAddresses, lanAddress(link)),
    publicKeys: wish.publicKeys,
    upstreams: wish.upstreams,
    signingKeyFile: wish.signingKeyFile,
    buildMachine: wish.buildMachine,
    tuning: isTuned
      ? { bitsPerSecond: link?.bitsPerSecond, memoryBytes: memory.totalBytes }
      : undefined,
  }
}

function serverAddresses(given: readonly string[], own: string | undefined): readonly string[] {
  if (given.length > 0) return given
  return [own === undefined ? placeholderAddress : `http://${own}:5000`]
}
