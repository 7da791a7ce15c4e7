/**
 * Decides whether a redirect of an upstream may be followed. Caches send NARs from storage on other
 * hosts, so other hosts are fine; a step down from https, or into this machine or its own network
 * from outside, is not.
 */
export function mayFollow(from: URL, to: URL): boolean {
  if (to.protocol !== 'https:' && to.protocol !== 'http:') return false
  if (from.protocol === 'https:' && to.protocol !== 'https:') return false
  if (to.username !== '' || to.password !== '') return false
  if (to.host === from.host) return true
  // Where clouds keep their machines' credentials; no cache stores its NARs there.
  if (isLinkLocal(to.hostname)) return false
  return !isLocal(to.hostname) || isLocal(from.hostname)
}

/** Names and literal addresses that mean this machine, its link or its private network. */
export function isLocal(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase()
  if (host === 'localhost' || host.endsWith('.localhost') || host.endsWith('.local')) return true
  if (host.includes(':')) return /^(::1?$|::ffff:|f[cd]|fe[89ab])/.test(host)
  const octets = host.split('.').map(Number)
  if (octets.length !== 4 || octets.some(Number.isNaN)) return false
  const [a, b] = octets as [number, number]
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128)
  )
}

function isLinkLocal(hostname: string): boolean {
  return /^169\.254\.|^\[fe[89ab]|^\[::ffff:a9fe:/i.test(hostname)
}
