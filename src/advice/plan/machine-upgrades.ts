import type { Machine } from '../machine.ts'
import { usableThreads } from '../slots.ts'
import type { MachinePart, Part } from './part.ts'
import { priceOf, seenMemory, type Upgrade } from './upgrade.ts'

/**
 * Whole machines that could take over from this one. Only those that are at least its equal in
 * everything that is known; a rented machine is not replaced by one that has to be bought and housed.
 */
export function machineUpgrades(machine: Machine, parts: readonly Part[]): Upgrade[] {
  const { virtualization, storeBytes } = machine.system
  if (virtualization === 'vm' || virtualization === 'container') return []
  const cable = parts.find(({ kind }) => kind === 'cable')
  const isWireless = machine.links[0]?.kind === 'wifi'
  return parts
    .filter((part): part is MachinePart => part.kind === 'machine')
    .filter(
      (part) =>
        seenMemory(part.memoryBytes) >= machine.memory.totalBytes &&
        part.threads >= usableThreads(machine) &&
        part.diskBytes >= (storeBytes ?? 0) * 1.2,
    )
    .map((part) => {
      const choices = [part, ...(isWireless && cable ? [cable] : [])].map((one) => ({
        options: [one] as [Part],
      }))
      return {
        place: 'machine',
        title: part.name,
        priceCents: priceOf(choices),
        parts: choices,
        change: {
          memoryBytes: seenMemory(part.memoryBytes),
          threads: part.threads,
          disk: { kind: 'nvme', totalBytes: part.diskBytes },
          ...((isWireless ? cable !== undefined : isSlowWire(machine)) && {
            linkBitsPerSecond: 1e9,
          }),
        },
        cautions: [
          {
            text: 'Second-hand offers differ: what counts is memory, threads, an SSD, and a gigabit port.',
            source: 'data sheets of these models',
            check: 'in the shop, or with the machine at hand: narwhal diagnose',
          },
        ],
        steps,
      }
    })
}

function isSlowWire({ links }: Machine): boolean {
  const [link] = links
  return link?.kind === 'ethernet' && (link.bitsPerSecond ?? 1e9) < 1e9
}

const steps: readonly string[] = [
  'Install NixOS on it, with the files of: narwhal generate-config --auto (run there).',
  'Bring the signing key over (mode 0600), so that clients need no new line.',
  'Copy data_dir with rsync -a while both are stopped, or let it fill again from the upstreams.',
  'Give it the old address, or change substituters on the clients; keep the old machine a week.',
]
