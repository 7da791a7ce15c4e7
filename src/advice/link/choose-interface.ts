import type { Link } from '../machine.ts'
import { contains, formatNetwork, type Ipv4Network, parseNetwork } from './ipv4.ts'
import { usualSubnets } from './subnet.ts'

/** An interface, and why it cannot be the link's; undefined: it can. */
export interface Candidate {
  readonly link: Link
  readonly objection: string | undefined
}

export type InterfaceChoice =
  | { readonly kind: 'chosen'; readonly link: Link; readonly isNamed: boolean }
  | { readonly kind: 'unknown'; readonly name: string }
  | { readonly kind: 'refused'; readonly link: Link; readonly objection: string }
  | { readonly kind: 'none'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'several'; readonly names: readonly string[] }

/**
 * Chooses the interface of a direct link: the one that is named, or the only one nobody uses.
 *
 * An interface with the default route is refused whoever names it: its machine would be cut off.
 *
 * @param subnet the link's own addresses: an interface that has one of them is set up already
 */
export function chooseInterface(
  links: readonly Link[],
  name: string | undefined,
  subnet?: Ipv4Network,
): InterfaceChoice {
  if (name !== undefined) {
    const link = links.find((link) => link.name === name)
    if (link === undefined) return { kind: 'unknown', name }
    const objection = objectionTo(link, subnet)
    if (objection !== undefined) return { kind: 'refused', link, objection }
    return { kind: 'chosen', link, isNamed: true }
  }
  const candidates = links.map((link) => ({ link, objection: guessObjection(link, subnet) }))
  const free = candidates.filter(({ objection }) => objection === undefined)
  const [only] = free
  if (only === undefined) return { kind: 'none', candidates }
  if (free.length > 1) return { kind: 'several', names: free.map(({ link }) => link.name) }
  return { kind: 'chosen', link: only.link, isNamed: false }
}

/** What speaks against an interface whoever names it. */
export function objectionTo(link: Link, subnet?: Ipv4Network): string | undefined {
  if (link.hasDefaultRoute) return 'holds the default route: the way to everything else'
  if (link.name === 'lo') return 'is the loopback'
  if (link.kind === 'wifi') return 'is WiFi, not a cable'
  const used = link.addresses.filter((address) => !isOfLink(address, subnet))
  if (used.length > 0) return `is in use: it has ${used.join(', ')}`
  return undefined
}

/** A virtual interface can be meant, but not guessed. */
function guessObjection(link: Link, subnet?: Ipv4Network): string | undefined {
  return objectionTo(link, subnet) ?? (link.kind === 'virtual' ? 'is virtual' : undefined)
}

/** Addresses an interface gives itself, or has from an earlier set-up of the link. */
function isOfLink(address: string, subnet: Ipv4Network | undefined): boolean {
  if (/^(fe[89ab][0-9a-f]:|169\.254\.)/i.test(address)) return true
  const network = parseNetwork(address)
  if (network === undefined) return false
  const own = subnet ? [formatNetwork(subnet)] : usualSubnets.map((first) => `${first}/24`)
  return own.some((text) => contains(parseNetwork(text) as Ipv4Network, network))
}
