import { AppError } from '../errors.ts'

/**
 * Turns a narinfo's `URL:` into the address to fetch. The field is not signed, so it is hostile
 * input: it may lead nowhere but below the cache it came from, or, written in full, to the same
 * origin. (Nix 2.8 joins base and URL with a slash, 2.32 resolves by RFC 3986: for the relative URLs
 * accepted here both mean the same.)
 *
 * @param base the cache's address without trailing slash, such as https://cache.nixos.org
 * @throws AppError FOREIGN_URL
 */
export function locateNar(base: string, url: string): URL {
  const refuse = (why: string) =>
    new AppError('FOREIGN_URL', `its URL ${JSON.stringify(url.slice(0, 200))} ${why}`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it rejects
  if (/[\u0000-\u0020\u007f\\]/.test(url)) throw refuse('has illegal characters')
  const [path = ''] = url.split(/[?#]/, 1)
  if (decodesToDots(path)) throw refuse('climbs out of its cache')
  const root = new URL(`${base}/`)
  const target = URL.canParse(url, root.href) ? new URL(url, root.href) : undefined
  if (!target) throw refuse('is no URL')
  if (target.origin !== root.origin || target.protocol !== root.protocol)
    throw refuse('leads to another host')
  if (root.protocol === 'file:' && !target.pathname.startsWith(root.pathname))
    throw refuse('leads out of its cache')
  if (target.username !== '' || target.password !== '') throw refuse('carries credentials')
  target.hash = ''
  return target
}

function decodesToDots(path: string): boolean {
  const plain = path.replace(/%2e/gi, '.').replace(/%2f/gi, '/').replace(/%5c/gi, '\\')
  return plain.split(/[/\\]/).some((segment) => segment === '..' || segment === '.')
}
