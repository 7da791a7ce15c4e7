import { Agent } from 'node:http'
import { AppError } from '../../errors.ts'
import { type NarInfo, parseNarInfo } from '../../nix/narinfo.ts'
import type { KeyRing } from '../../nix/signature.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { signedBy } from '../../nix/trust.ts'
import { checkNar } from './check-nar.ts'
import { httpGet, readAll } from './http-get.ts'
import { walkReferencesFirst } from './references-first.ts'
import { walk } from './walk.ts'

export interface SubstituteOptions {
  /** The binary cache's address. */
  readonly url: string
  readonly root: StoreHash
  readonly trusted: KeyRing
  /** NARs fetched at once: 1 as `nix copy` does, 16 as `nix-store -r` does. */
  readonly parallelNars: number
  readonly signal?: AbortSignal
}

/** What substituting a closure took. */
export interface Tally {
  readonly wallMs: number
  readonly narinfoRequests: number
  readonly narRequests: number
  /** Bytes of narinfos and NARs, as they came over the wire, without HTTP headers. */
  readonly receivedBytes: number
}

/** `http-connections`, as Nix has it by default. */
const parallelNarinfos = 25

/**
 * Fetches a closure as a Nix client with an empty store does: the root's narinfo, the narinfos of
 * what it refers to and so on, then every NAR after those it refers to. Everything is checked as
 * Nix does, and FileHash as well. Nothing is kept.
 *
 * @throws AppError UPSTREAM_STATUS, BAD_NARINFO, UNTRUSTED, CORRUPT
 */
export async function substituteClosure(options: SubstituteOptions): Promise<Tally> {
  const start = performance.now()
  const agent = new Agent({ keepAlive: true, maxSockets: parallelNarinfos })
  const get = (path: string) => httpGet(`${options.url}/${path}`, agent, options.signal)
  try {
    await readAll(await get('nix-cache-info'))
    const { infos, bytes } = await queryClosure(options, get)
    const narBytes = await fetchNars([...infos.values()], options.parallelNars, get)
    return {
      wallMs: performance.now() - start,
      narinfoRequests: infos.size,
      narRequests: infos.size,
      receivedBytes: bytes + narBytes,
    }
  } finally {
    agent.destroy()
  }
}

type Get = (path: string) => ReturnType<typeof httpGet>

async function queryClosure(
  { root, trusted, url }: SubstituteOptions,
  get: Get,
): Promise<{ infos: Map<StoreHash, NarInfo>; bytes: number }> {
  const asked = new Set([root])
  const infos = new Map<StoreHash, NarInfo>()
  let bytes = 0
  await walk([root], parallelNarinfos, async (hash) => {
    const text = await readAll(await get(`${hash}.narinfo`))
    const info = parseNarInfo(text)
    if (signedBy(info, trusted) === undefined)
      throw new AppError('UNTRUSTED', `${url} sent ${hash}.narinfo without a signature we trust`)
    bytes += text.length
    infos.set(hash, info)
    const fresh = info.references.map((path) => path.hash).filter((other) => !asked.has(other))
    for (const other of fresh) asked.add(other)
    return fresh
  })
  return { infos, bytes }
}

/** Fetches each NAR once those of its references are there; returns the bytes received. */
async function fetchNars(infos: readonly NarInfo[], limit: number, get: Get): Promise<number> {
  let bytes = 0
  await walkReferencesFirst(infos, limit, async (info) => {
    const received = await checkNar(info, await get(info.url))
    bytes += received
  })
  return bytes
}
