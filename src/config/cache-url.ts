import { type Kind, stringKind, wrongType } from './kind.ts'
import type { Complain } from './mistake.ts'

/**
 * The address of a binary cache, normalised: no slash at the end, so that paths can be appended.
 *
 * What is quoted in a complaint never holds a password: complaints end up in logs.
 */
export const cacheUrl: Kind<string> = stringKind(
  'the address of a binary cache such as "https://cache.nixos.org"',
  (text, complain) => {
    if (text === 'nix-store')
      return complain({ message: "this version does not serve the machine's own store yet" })
    const url = /[\s\\]/.test(text) ? null : URL.parse(text)
    if (!url || !/^(?:https?|file):\/\//i.test(text)) return complain(notACache(text))
    const problem = problemOf(url)
    return problem === undefined ? normalise(url) : complain({ message: problem })
  },
)

function problemOf(url: URL): string | undefined {
  if (url.username !== '' || url.password !== '')
    return 'holds credentials, which end up in logs: use username with password_file, or bearer_token_file'
  if (url.search !== '' || url.hash !== '')
    return 'holds a query or fragment ("?…", "#…"), which narwhal cannot append paths to'
  if (url.protocol === 'file:' && (url.host !== '' || url.pathname === '/'))
    return 'must name an absolute directory, such as "file:///srv/cache"'
  return undefined
}

function notACache(text: string): Parameters<Complain>[0] {
  const shown = text.replace(/\/\/[^/]*@/, '//…@')
  const message = wrongType(cacheUrl.expects, shown)
  if (/^[\w.-]+(?::\d+)?(?:\/[\w./-]*)?$/.test(text) && URL.canParse(`https://${text}`))
    return { message, suggestion: `"https://${text}"` }
  if (/^\/[\w./+-]+$/.test(text)) return { message, suggestion: `"file://${text}"` }
  return { message }
}

function normalise(url: URL): string {
  return url.href.replace(/\/+$/, '')
}
