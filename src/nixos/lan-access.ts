import type { LanAccess } from './wanted-config.ts'

/** A network interface as far as opening a port on it goes. */
export interface Interface {
  readonly name: string
  /** with prefix length: 192.168.1.20/24 */
  readonly addresses: readonly string[]
}

/** RFC 1918 and RFC 6598; unique local addresses of IPv6 (RFC 4193). */
const privateNetworks = [
  /^10\./,
  /^192\.168\./,
  /^172\.(1[6-9]|2\d|3[01])\./,
  /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./,
  /^f[cd][0-9a-f]{2}:/i,
]
const linkLocal = [/^169\.254\./, /^fe[89ab][0-9a-f]:/i]

/**
 * Decides whether the firewall may let clients in: only on an interface of a private network.
 *
 * A public IPv4 address decides against it. A public IPv6 address beside a private IPv4 one is what
 * every home network has, behind a router that lets nobody in.
 */
export function lanAccess(link: Interface | undefined): LanAccess {
  const how = 'Set services.narwhal.interface and openFirewall = true once you know it is private.'
  if (link === undefined || isMadeUp(link.name))
    return {
      whyClosed: `The interface clients come over is not known, so no port is opened. ${how}`,
    }
  const addresses = link.addresses.map(bare).filter((address) => !isOneOf(linkLocal, address))
  if (addresses.length === 0)
    return { whyClosed: `${link.name} has no address now, so no port is opened. ${how}` }
  const isPublic = addresses.some((a) => !a.includes(':') && !isOneOf(privateNetworks, a))
  const isPrivate = addresses.some((a) => isOneOf(privateNetworks, a))
  if (isPrivate && !isPublic) return { interface: link.name }
  const shown = addresses.find((a) => !isOneOf(privateNetworks, a)) ?? addresses[0]
  return {
    whyClosed: `${link.name} has the public address ${shown}: a port opened there is open to the whole internet. Let clients in over a VPN (interface = "wg0") or a private network of the provider.`,
  }
}

/** The address in a private network that clients can name, IPv4 first. */
export function lanAddress(link: Interface | undefined): string | undefined {
  if (link === undefined || 'whyClosed' in lanAccess(link)) return undefined
  const own = link.addresses.map(bare).filter((address) => isOneOf(privateNetworks, address))
  const found = own.find((address) => !address.includes(':')) ?? own[0]
  return found?.includes(':') ? `[${found}]` : found
}

/** What a described machine's links are called that nobody named. */
function isMadeUp(name: string): boolean {
  return /^link\d+$/.test(name)
}

function bare(address: string): string {
  return address.split('/')[0] as string
}

function isOneOf(patterns: readonly RegExp[], address: string): boolean {
  return patterns.some((pattern) => pattern.test(address))
}
