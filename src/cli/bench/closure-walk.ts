import { type NarInfo, parseNarInfo } from '../../nix/narinfo.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { walkReferencesFirst } from '../demo/references-first.ts'
import { walk } from '../demo/walk.ts'
import { ConnectionPool, textTaker } from './fetch.ts'
import { readNar } from './read-nar.ts'
import type { Site } from './site.ts'

/** `http-connections`, as Nix has it by default. */
export const parallelNarinfos = 25

export interface Walk {
  readonly site: Site
  readonly roots: readonly StoreHash[]
  /** What belongs to it: references that lead elsewhere are not followed. */
  readonly paths: ReadonlySet<StoreHash>
  /** Those of the paths whose NARs are fetched too. */
  readonly narPaths: ReadonlySet<StoreHash>
  /** NARs at once: 1 as `nix copy` does, 16 as `nix-store -r` does. */
  readonly parallelNars: number
}

export interface WalkResult {
  readonly seconds: number
  readonly narinfos: number
  readonly nars: number
  /** Of NAR files. */
  readonly narBytes: number
  readonly errors: number
  readonly firstError: string | undefined
}

/**
 * Fetches a closure as a Nix client with an empty store does: the narinfos from the roots along
 * their References, then each NAR after those it refers to. Every NAR file is held against its
 * FileHash; nothing is unpacked, nothing is kept.
 */
export async function walkClosure(order: Walk, signal: AbortSignal): Promise<WalkResult> {
  const start = performance.now()
  const pool = new ConnectionPool(order.site)
  const hangUp = () => pool.close(signal.reason)
  signal.addEventListener('abort', hangUp)
  let [errors, nars, narBytes] = [0, 0, 0]
  let firstError: string | undefined
  const fail = (what: string) => {
    errors += 1
    firstError ??= what
  }
  try {
    const infos = await queryClosure(order, pool, fail)
    const wanted = infos.filter((info) => order.narPaths.has(info.storePath.hash))
    await walkReferencesFirst(wanted, order.parallelNars, async (info) => {
      signal.throwIfAborted()
      const { bytes, fault } = await readNar(info, { site: order.site, pool, signal })
      narBytes += bytes
      nars += 1
      if (fault !== undefined) fail(fault)
    })
    const seconds = (performance.now() - start) / 1000
    return { seconds, narinfos: infos.length, nars, narBytes, errors, firstError }
  } finally {
    signal.removeEventListener('abort', hangUp)
    pool.close()
  }
}

async function queryClosure(
  { site, roots, paths }: Walk,
  pool: ConnectionPool,
  fail: (what: string) => void,
): Promise<NarInfo[]> {
  const asked = new Set(roots)
  const infos: NarInfo[] = []
  await walk(roots, parallelNarinfos, async (hash) => {
    const { text, take } = textTaker()
    const head = await pool.get(`${site.basePath}/${hash}.narinfo`, take)
    if (head.status !== 200) {
      fail(`${hash}.narinfo: status ${head.status}`)
      return []
    }
    const info = parseNarInfo(text())
    infos.push(info)
    const fresh = info.references
      .map((path) => path.hash)
      .filter((other) => paths.has(other) && !asked.has(other))
    for (const other of fresh) asked.add(other)
    return fresh
  })
  return infos
}
