/** A network of IPv4 addresses. */
export interface Ipv4Network {
  /** the first address, as a number: 10.255.255.0 is 0x0affff00 */
  readonly first: number
  readonly prefixLength: number
}

/** @returns the address as a number of 32 bits; undefined when the text is none */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (!match) return undefined
  let address = 0
  for (const part of match.slice(1)) {
    // Leading zeros would be octal to some programs.
    if (Number(part) > 255 || String(Number(part)) !== part) return undefined
    address = address * 256 + Number(part)
  }
  return address
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

/**
 * Reads "10.255.255.0/30", or an address within a network: 10.255.255.2/30 is in the same one.
 *
 * @returns undefined when the text is none
 */
export function parseNetwork(text: string): Ipv4Network | undefined {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(text)
  const address = parseIpv4(match?.[1] ?? '')
  const prefixLength = Number(match?.[2])
  if (address === undefined || !(prefixLength <= 32)) return undefined
  return { first: firstOf(address, prefixLength), prefixLength }
}

export function formatNetwork({ first, prefixLength }: Ipv4Network): string {
  return `${formatIpv4(first)}/${prefixLength}`
}

/** True when some address is in both. */
export function overlap(a: Ipv4Network, b: Ipv4Network): boolean {
  const prefixLength = Math.min(a.prefixLength, b.prefixLength)
  return firstOf(a.first, prefixLength) === firstOf(b.first, prefixLength)
}

/** True when every address of `inner` is in `outer` too. */
export function contains(outer: Ipv4Network, inner: Ipv4Network): boolean {
  return inner.prefixLength >= outer.prefixLength && overlap(outer, inner)
}

/** How many hosts fit: the first and the last address are the network's own. */
export function hostsIn(prefixLength: number): number {
  return Math.max(0, 2 ** (32 - prefixLength) - 2)
}

function firstOf(address: number, prefixLength: number): number {
  const size = 2 ** (32 - prefixLength)
  return Math.floor(address / size) * size
}
