import type { Link } from '../machine.ts'
import type { Verdict } from '../verdict.ts'
import { chooseInterface } from './choose-interface.ts'
import { formatIpv4, formatNetwork, parseNetwork } from './ipv4.ts'
import { chooseFormat, handOver, type LinkFormat, type Owner } from './owner.ts'
import { noInterface, noSubnet } from './refusals.ts'
import { chooseSubnet, prefixLengthFor, type Route, usualSubnets } from './subnet.ts'

export type LinkEnd = 'server' | 'client'

/** What is asked for, by flags. */
export interface LinkWish {
  readonly end: LinkEnd
  /** 1 for the only client */
  readonly clientNumber: number
  /** both ends counted */
  readonly hosts: number
  readonly interface?: string | undefined
  readonly subnet?: string | undefined
  readonly format?: LinkFormat | undefined
  readonly mtuBytes?: number | undefined
  readonly tunes: boolean
}

/** The machine as far as a link touches it. */
export interface LinkSurroundings {
  readonly links: readonly Link[]
  readonly routes: readonly Route[]
  readonly isNixos: boolean
  /** who configures which interface now */
  readonly owners: ReadonlyMap<string, readonly Owner[]>
}

/** One end of a direct link, decided. */
export interface LinkPlan {
  readonly end: LinkEnd
  readonly interface: string
  /** false: it was the only one nobody uses */
  readonly isInterfaceNamed: boolean
  readonly subnet: string
  /** with prefix length: 10.255.255.1/30 */
  readonly address: string
  readonly serverAddress: string
  readonly format: LinkFormat
  /** false: the other end must be told it */
  readonly isUsualSubnet: boolean
  readonly hosts: number
  readonly mtuBytes: number | undefined
  readonly tunes: boolean
  /** what people must do or know before the files count */
  readonly cautions: readonly string[]
}

export type LinkDecision =
  | { readonly kind: 'plan'; readonly plan: LinkPlan }
  | { readonly kind: 'refusal'; readonly verdict: Verdict }

/** Decides one end of a direct link, or says no and what to do instead. */
export function planLink(wish: LinkWish, machine: LinkSurroundings): LinkDecision {
  const asked = wish.subnet === undefined ? undefined : parseNetwork(wish.subnet)
  const choice = chooseInterface(machine.links, wish.interface, asked)
  if (choice.kind !== 'chosen') return refuse(noInterface(choice, wish))
  const name = choice.link.name
  const routes = [...machine.routes, ...routesOf(machine.links)]
  const subnetWish = { hosts: wish.hosts, asked: wish.subnet, interfaceName: name, routes }
  const addresses = chooseSubnet(subnetWish)
  if (addresses.kind !== 'free') return refuse(noSubnet(addresses, wish))
  const { subnet } = addresses
  const own = wish.end === 'server' ? 1 : 1 + wish.clientNumber
  const owners = machine.owners.get(name) ?? []
  const format = wish.format ?? chooseFormat(machine.isNixos, owners)
  return {
    kind: 'plan',
    plan: {
      end: wish.end,
      interface: name,
      isInterfaceNamed: choice.isNamed,
      subnet: formatNetwork(subnet),
      address: `${formatIpv4(subnet.first + own)}/${subnet.prefixLength}`,
      serverAddress: formatIpv4(subnet.first + 1),
      format,
      isUsualSubnet: formatNetwork(subnet) === `${usualSubnets[0]}/${prefixLengthFor(wish.hosts)}`,
      hosts: wish.hosts,
      mtuBytes: wish.mtuBytes,
      tunes: wish.tunes,
      cautions: [...handOver(name, format, owners), ...cautionsOf(choice.link, wish)],
    },
  }
}

/** Whoever has an address leads to its network; where the routing table is unknown, this is it. */
function routesOf(links: readonly Link[]): Route[] {
  return links.flatMap(({ name, addresses }) =>
    addresses.flatMap((address) => {
      const network = parseNetwork(address)
      return network === undefined ? [] : [{ interface: name, network }]
    }),
  )
}

function cautionsOf(link: Link, wish: LinkWish): string[] {
  const { bitsPerSecond, duplex, isUp, name } = link
  const cautions: string[] = []
  if (bitsPerSecond !== undefined && bitsPerSecond < 1e9)
    cautions.push(
      `${name} has negotiated ${bitsPerSecond / 1e6} Mbit/s; a gigabit needs all four pairs of the cable, and a gigabit port at both ends.`,
    )
  if (duplex === 'half')
    cautions.push(
      `${name} runs at half duplex: let both ends negotiate (ethtool -s ${name} autoneg on).`,
    )
  if (isUp === false) cautions.push(`${name} has no carrier now: plug the cable in at both ends.`)
  if (wish.mtuBytes !== undefined && wish.mtuBytes > 1500)
    cautions.push(
      `Both ends must agree on --mtu ${wish.mtuBytes}, and both cards must be able to: otherwise large packets vanish while ping works. Check: ping -M do -s ${wish.mtuBytes - 28} to the other end.`,
    )
  if (wish.hosts > 2)
    cautions.push(
      'A cable has two ends: more than two hosts need a switch of their own, or a port of the server each.',
    )
  return cautions
}

function refuse(verdict: Verdict): LinkDecision {
  return { kind: 'refusal', verdict }
}
