/** Where requests go, made ready for sockets. */
export interface Site {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
  /** All lines of a request's head after the first, blank line included. */
  readonly headers: string
  /** What stands before every path of the cache, without a slash last. */
  readonly basePath: string
}

/** @param url http or https, with a username and a password where the cache asks for them */
export function siteOf(url: URL, userAgent: string): Site {
  const isTls = url.protocol === 'https:'
  const lines = [`Host: ${url.host}`, `User-Agent: ${userAgent}`, 'Accept: */*']
  if (url.username !== '') {
    const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    lines.push(`Authorization: Basic ${Buffer.from(login).toString('base64')}`)
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    isTls,
    headers: `${lines.join('\r\n')}\r\n\r\n`,
    basePath: url.pathname.replace(/\/+$/, ''),
  }
}

/** @param path as it goes on the wire, from the root of the host */
export function requestFor(site: Site, path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${site.headers}`, 'latin1')
}
