import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'

const namePattern = /^[a-z0-9](?:[a-z0-9._-]{0,252})(?::(\d{1,5}))?$/i
const bracketPattern = /^\[([0-9a-f:.]+)\](?::(\d{1,5}))?$/i

/**
 * The address at which a client has reached this server, as it would write it in nix.conf.
 *
 * What a client says of itself is believed only as far as it has the shape of an address: it ends up
 * in a page and, pasted, in somebody's configuration.
 *
 * @returns undefined when the request does not say
 */
export function addressOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const { host } = headers
  if (host === undefined || !isHost(host)) return undefined
  // A TLS proxy in front says so; whoever lies only misleads himself.
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  return `${scheme}://${host.toLowerCase()}`
}

function isHost(host: string): boolean {
  const bracketed = bracketPattern.exec(host)
  if (bracketed) return isIPv6(bracketed[1] as string) && isPort(bracketed[2])
  const named = namePattern.exec(host)
  return named !== null && isPort(named[1])
}

function isPort(text: string | undefined): boolean {
  return text === undefined || (Number(text) > 0 && Number(text) < 65536)
}
