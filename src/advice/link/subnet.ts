import {
  contains,
  formatNetwork,
  hostsIn,
  type Ipv4Network,
  overlap,
  parseNetwork,
} from './ipv4.ts'

/** What a machine sends over one of its interfaces. */
export interface Route {
  readonly interface: string
  /** length 0: the default route */
  readonly network: Ipv4Network
}

/** What is taken unless it is in use: out of the way of routers, VPNs and containers. */
export const usualSubnets = [
  '10.255.255.0',
  '172.31.255.0',
  '192.168.255.0',
  '10.254.254.0',
] as const

/** Networks for private use (RFC 1918): nobody on the Internet has these addresses. */
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(
  (text) => parseNetwork(text) as Ipv4Network,
)

export type SubnetChoice =
  | { readonly kind: 'free'; readonly subnet: Ipv4Network }
  /** one that was asked for cannot be a link's */
  | { readonly kind: 'unfit'; readonly why: string }
  /** another interface leads to these addresses already */
  | {
      readonly kind: 'taken'
      readonly subnet: Ipv4Network
      readonly by: Route
      /** free here; both ends must be told the same */
      readonly offered: Ipv4Network | undefined
    }

/** Four addresses for a cable with two ends, 256 for more. */
export function prefixLengthFor(hosts: number): number {
  return hosts <= 2 ? 30 : 24
}

/**
 * Chooses the addresses of a link.
 *
 * A taken one is not replaced in silence: the other end would choose for itself, and differently.
 *
 * @param asked such as "172.31.255.0/30"; by default the first of `usualSubnets`
 * @param interfaceName whose own routes are no hindrance: the link may be set up already
 */
export function chooseSubnet(wish: {
  readonly hosts: number
  readonly asked: string | undefined
  readonly interfaceName: string
  readonly routes: readonly Route[]
}): SubnetChoice {
  const prefixLength = prefixLengthFor(wish.hosts)
  const usual = usualSubnets.map((first) => parseNetwork(`${first}/${prefixLength}`) as Ipv4Network)
  const text = wish.asked ?? `${usualSubnets[0]}/${prefixLength}`
  const subnet = parseNetwork(text)
  if (subnet === undefined) return unfit(`"${text}" is no IPv4 network such as 10.255.255.0/30`)
  if (!privateNetworks.some((network) => contains(network, subnet)))
    return unfit(`${formatNetwork(subnet)} is not for private use (RFC 1918)`)
  if (hostsIn(subnet.prefixLength) < wish.hosts)
    return unfit(
      `${formatNetwork(subnet)} has room for ${hostsIn(subnet.prefixLength)} hosts, ${wish.hosts} are wanted`,
    )
  const others = wish.routes.filter(
    ({ interface: name, network }) => name !== wish.interfaceName && network.prefixLength > 0,
  )
  const by = others.find(({ network }) => overlap(network, subnet))
  if (by === undefined) return { kind: 'free', subnet }
  const offered = usual.find((network) => !others.some((route) => overlap(route.network, network)))
  return { kind: 'taken', subnet, by, offered }
}

function unfit(why: string): SubnetChoice {
  return { kind: 'unfit', why }
}
