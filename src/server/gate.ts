import { isStoreHash, type StoreHash } from '../nix/store-path.ts'
import { type NarFile, parseNarFile } from '../policy/nar-file.ts'
import { parseSideFile, type SideFile } from '../policy/side-file.ts'
import { type AssetName, isAssetName } from './assets.ts'
import { eventsRoute, type OperatorPage, operatorPage, webPrefix } from './routes.ts'

/** What a request is for, read from its raw URL alone. */
export type Target =
  | { readonly kind: 'home' }
  | { readonly kind: 'cache-info' }
  | { readonly kind: 'narinfo'; readonly hash: StoreHash }
  | { readonly kind: 'nar'; readonly file: NarFile }
  | { readonly kind: 'operator'; readonly page: OperatorPage }
  | { readonly kind: 'events' }
  | { readonly kind: 'asset'; readonly name: AssetName }
  | { readonly kind: 'side'; readonly side: SideFile }

export type Refusal = { readonly kind: 'refused'; readonly status: 400 | 404 | 405 | 414 }

const maxUrlLength = 2048
/** Unreserved characters and slashes: nothing narwhal serves needs more, so nothing is ever decoded. */
const plainPath = /^\/(?!\/)[A-Za-z0-9._/-]*$/
const narinfoSuffix = '.narinfo'
const narPrefix = '/nar/'

/**
 * Admits a request by its method and raw URL, or says with which status to refuse it. An allow-list:
 * what has no shape of ours never reaches a file name.
 */
export function admit(method: string | undefined, url: string | undefined): Target | Refusal {
  if (url === undefined) return { kind: 'refused', status: 400 }
  if (url.length > maxUrlLength) return { kind: 'refused', status: 414 }
  if (method !== 'GET' && method !== 'HEAD') return { kind: 'refused', status: 405 }
  const hash = narinfoHash(url)
  if (hash !== undefined) return { kind: 'narinfo', hash }
  if (!plainPath.test(url)) return sideOr(url, isMalformed(url) ? 400 : 404)
  if (url.startsWith(narPrefix)) {
    const file = parseNarFile(url.slice(narPrefix.length))
    return file ? { kind: 'nar', file } : { kind: 'refused', status: 404 }
  }
  if (url === '/nix-cache-info') return { kind: 'cache-info' }
  if (url === '/') return { kind: 'home' }
  const page = operatorPage(url)
  if (page) return { kind: 'operator', page }
  if (url === eventsRoute) return { kind: 'events' }
  if (url.startsWith(webPrefix)) {
    const name = url.slice(webPrefix.length)
    return isAssetName(name) ? { kind: 'asset', name } : { kind: 'refused', status: 404 }
  }
  return sideOr(url, 404)
}

/** Some of these names hold signs that no other path here needs. */
function sideOr(url: string, status: 400 | 404): Target | Refusal {
  const side = parseSideFile(url)
  return side ? { kind: 'side', side } : { kind: 'refused', status }
}

function narinfoHash(url: string): StoreHash | undefined {
  if (url.length !== 1 + 32 + narinfoSuffix.length || !url.endsWith(narinfoSuffix)) return undefined
  const hash = url.slice(1, 33)
  return isStoreHash(hash) ? hash : undefined
}

/** No path at all (absolute form, authority form, `*`), or bytes no path may hold. */
function isMalformed(url: string): boolean {
  return (
    !url.startsWith('/') || url.startsWith('//') || /[^\x21-\x7e]|\\|%(?![0-9a-f]{2})/i.test(url)
  )
}
