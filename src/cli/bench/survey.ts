import { AppError, isAppError, messageOf } from '../../errors.ts'
import { type NetworkLink, probeLink } from '../../host/network-link.ts'
import { type CacheInfo, parseCacheInfo } from '../../nix/cache-info.ts'
import { type NarInfo, parseNarInfo } from '../../nix/narinfo.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { walk } from '../demo/walk.ts'
import { parallelNarinfos } from './closure-walk.ts'
import { ConnectionPool, fetchText, placeOf, textTaker } from './fetch.ts'
import { type Site, siteOf } from './site.ts'

/** A cache under test, before anything is measured. */
export interface Subject {
  /** As given, without a password. */
  readonly url: string
  readonly site: Site
  readonly link: NetworkLink
  readonly cacheInfo: CacheInfo
}

/** What all caches are asked for: the same paths, each by its own narinfo. */
export interface Survey {
  readonly subjects: readonly Subject[]
  /** Where closure walks begin. */
  readonly roots: readonly StoreHash[]
  /** Narinfos by path, for each subject; all have the same paths, in the order they were met. */
  readonly infos: ReadonlyMap<Subject, ReadonlyMap<StoreHash, NarInfo>>
}

/** Roots taken from this machine's own store; one closure or two are as good as a hundred. */
const maxFoundRoots = 20
/** Narinfos asked for, at most, in a search for paths a cache has. */
const maxCandidates = 400
/** Paths in the closure that is walked; more when more are named. */
const maxPaths = 200

/** @throws AppError NO_CACHE */
export async function openSubject(
  url: URL,
  userAgent: string,
  signal: AbortSignal,
): Promise<Subject> {
  const site = siteOf(url, userAgent)
  const shown = new URL(url)
  shown.username = ''
  shown.password = ''
  const name = shown.href.replace(/\/$/, '')
  try {
    const link = await probeLink(site)
    const text = await fetchText(placeOf(site, 'nix-cache-info'), signal)
    if (text === undefined) throw new AppError('NO_CACHE', 'it has no /nix-cache-info')
    return { url: name, site, link, cacheInfo: parseCacheInfo(text) }
  } catch (cause) {
    signal.throwIfAborted()
    throw new AppError('NO_CACHE', `${name}: ${messageOf(cause) || 'it cannot be reached'}`, {
      cause,
    })
  }
}

/**
 * Finds the paths to measure with, and reads their narinfos in every cache.
 *
 * @param named paths the caller wants; every cache must have them
 * @param candidates paths that may be there, tried when none are named
 * @throws AppError NOTHING_TO_ASK, NO_CACHE
 */
export async function survey(
  subjects: readonly Subject[],
  paths: { readonly named: readonly StoreHash[]; readonly candidates: readonly StoreHash[] },
  signal: AbortSignal,
): Promise<Survey> {
  const isNamed = paths.named.length > 0
  const tried = isNamed ? paths.named : paths.candidates.slice(0, maxCandidates)
  let roots = tried
  for (const subject of subjects) {
    const found = await readNarinfos(subject, roots, { limit: roots.length, signal, follow: false })
    const missing = roots.find((hash) => !found.has(hash))
    if (isNamed && missing !== undefined)
      throw new AppError('NOTHING_TO_ASK', `${subject.url} does not have ${missing}`)
    roots = roots.filter((hash) => found.has(hash))
  }
  if (roots.length === 0) throw new AppError('NOTHING_TO_ASK', nothingFound(tried.length))
  if (!isNamed) roots = roots.slice(0, maxFoundRoots)

  const limit = Math.max(maxPaths, roots.length)
  const infos = new Map<Subject, Map<StoreHash, NarInfo>>()
  for (const subject of subjects)
    infos.set(subject, await readNarinfos(subject, roots, { limit, signal, follow: true }))
  const [first = new Map<StoreHash, NarInfo>(), ...others] = infos.values()
  const common = [...first.keys()].filter((hash) => others.every((other) => other.has(hash)))
  for (const [subject, own] of infos)
    infos.set(subject, new Map(common.map((hash) => [hash, own.get(hash) as NarInfo])))
  return { subjects, roots, infos }
}

function nothingFound(tried: number): string {
  return tried === 0
    ? 'no path was given, and this machine has no Nix store to take some from'
    : `none of ${tried} paths of this machine's Nix store is in every cache`
}

interface Reading {
  readonly limit: number
  /** Along References too. */
  readonly follow: boolean
  readonly signal: AbortSignal
}

/** Narinfos in the order they were met; those that are absent or broken are left out. */
async function readNarinfos(
  { site, url }: Subject,
  roots: readonly StoreHash[],
  { limit, follow, signal }: Reading,
): Promise<Map<StoreHash, NarInfo>> {
  const pool = new ConnectionPool(site)
  const hangUp = () => pool.close(signal.reason)
  signal.addEventListener('abort', hangUp)
  const asked = new Set(roots.slice(0, limit))
  const infos = new Map<StoreHash, NarInfo>()
  try {
    await walk([...asked], parallelNarinfos, async (hash) => {
      const { text, take } = textTaker()
      const head = await pool.get(`${site.basePath}/${hash}.narinfo`, take)
      if (head.status >= 400 && ![401, 403, 404, 410].includes(head.status))
        throw new AppError('NO_CACHE', `${url} answers ${hash}.narinfo with ${head.status}`)
      const info = head.status === 200 ? readable(text()) : undefined
      if (info === undefined) return []
      infos.set(hash, info)
      const fresh: StoreHash[] = []
      for (const other of follow ? info.references : [])
        if (!asked.has(other.hash) && asked.size < limit) {
          asked.add(other.hash)
          fresh.push(other.hash)
        }
      return fresh
    })
    return infos
  } finally {
    signal.removeEventListener('abort', hangUp)
    pool.close()
  }
}

function readable(text: string): NarInfo | undefined {
  try {
    return parseNarInfo(text)
  } catch (error) {
    if (isAppError(error, 'BAD_NARINFO')) return undefined
    throw error
  }
}
