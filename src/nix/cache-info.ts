import { AppError } from '../errors.ts'

/** What a cache says of itself at /nix-cache-info. */
export interface CacheInfo {
  readonly storeDir: string
  /** Clients may ask for many narinfos at once, on the off chance. */
  readonly wantMassQuery: boolean
  /** Lower is asked first; undefined when the cache names none, which clients take for 0. */
  readonly priority: number | undefined
}

/**
 * Reads /nix-cache-info, as leniently as Nix does (libstore/http-binary-cache-store.cc), but a file
 * without StoreDir is no such file: more likely the login page of a hotel.
 *
 * @throws AppError BAD_CACHE_INFO
 */
export function parseCacheInfo(text: string): CacheInfo {
  const fields = new Map<string, string>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  const storeDir = fields.get('StoreDir')
  if (!storeDir?.startsWith('/'))
    throw new AppError('BAD_CACHE_INFO', 'the nix-cache-info names no StoreDir')
  const priority = fields.get('Priority') ?? ''
  return {
    storeDir,
    wantMassQuery: fields.get('WantMassQuery') === '1',
    priority: /^-?\d{1,9}$/.test(priority) ? Number(priority) : undefined,
  }
}

export function printCacheInfo(info: CacheInfo): string {
  const priority = info.priority === undefined ? '' : `Priority: ${info.priority}\n`
  return `StoreDir: ${info.storeDir}\nWantMassQuery: ${info.wantMassQuery ? 1 : 0}\n${priority}`
}
