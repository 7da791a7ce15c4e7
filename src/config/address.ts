import type { Address } from './config.ts'
import { type Kind, stringKind, wrongType } from './kind.ts'

/** A place to listen: "0.0.0.0:5000", "cache.lan:5000", "[::1]:5000". */
export const address: Kind<Address> = stringKind(
  'an address such as "[::]:5000" or "127.0.0.1:5000"',
  (text, complain) => {
    const match = /^(?:\[([^[\]]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text)
    const host = match?.[1] ?? match?.[2]
    const port = Number(match?.[3])
    if (host !== undefined && port <= 65535 && isHost(host, match?.[1] !== undefined))
      return { host, port }
    const message = wrongType(address.expects, text)
    const meant = whatWasMeant(text)
    return complain(meant === undefined ? { message } : { message, suggestion: `"${meant}"` })
  },
)

/** Writes an address as it is read. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function isHost(host: string, bracketed: boolean): boolean {
  // A link-local address names its interface after a "%", which URLs do not allow.
  const plain = bracketed ? host.replace(/%[\w.-]+$/, '') : host
  if (bracketed ? !/^[\da-f:.]+$/i.test(plain) : !/^[\w.-]+$/.test(plain)) return false
  return URL.canParse(bracketed ? `http://[${plain}]/` : `http://${plain}/`)
}

function whatWasMeant(text: string): string | undefined {
  const port = /^(?:\*?:)?(\d{1,5})$/.exec(text)?.[1]
  if (port !== undefined && Number(port) <= 65535) return `[::]:${port}`
  const v6 = /^([\da-f:]*:[\da-f:]*):(\d{1,5})$/i.exec(text)
  if (v6?.[1] && isHost(v6[1], true) && Number(v6[2]) <= 65535) return `[${v6[1]}]:${v6[2]}`
  if (/^[\w.-]+$/.test(text) && isHost(text, false)) return `${text}:5000`
  return undefined
}
