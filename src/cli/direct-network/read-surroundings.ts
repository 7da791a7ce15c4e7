import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describedMachine } from '../../advice/described-machine.ts'
import type { LinkSurroundings } from '../../advice/link/plan-link.ts'
import type { Machine } from '../../advice/machine.ts'
import { readOwners } from '../../host/link/owners.ts'
import { readRoutes } from '../../host/link/routes.ts'
import { systemRoots } from '../../host/system-files.ts'
import { type MachineOptions, machineFrom } from '../sidecar/machine-options.ts'

/** The machine a link ends at, and what is known of its network. */
export interface FoundSurroundings {
  readonly machine: Machine
  readonly source: string
  readonly surroundings: LinkSurroundings
}

/**
 * Reads routes and who configures what from this machine; of one that is given by hand or in a file
 * only its links are known.
 *
 * @throws AppError BAD_MACHINE
 */
export async function readSurroundings(
  options: MachineOptions & { readonly interface?: string },
): Promise<FoundSurroundings> {
  const { machine, source } = await machineFrom(options)
  const isThisOne = source === 'this machine'
  const links = isThisOne ? withNamed(machine, options.interface) : machine.links
  const owners = new Map(isThisOne ? links.map(({ name }) => [name, readOwners(name)]) : [])
  return {
    machine,
    source,
    surroundings: {
      links,
      routes: isThisOne ? readRoutes() : [],
      isNixos: machine.system.isNixos,
      owners,
    },
  }
}

/** An interface that programs made up, which nobody uses yet, is no link of the machine until it is named. */
function withNamed({ links }: Machine, name: string | undefined): Machine['links'] {
  const isKnown = name === undefined || links.some((link) => link.name === name)
  if (isKnown || !existsSync(join(systemRoots.sys, 'class/net', name))) return links
  const named = { name, kind: 'virtual', hasDefaultRoute: false } as const
  return [...links, ...describedMachine({ links: [named] }).links]
}
