import { opendir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isAppError } from '../errors.ts'
import { formatHash } from '../nix/hash.ts'
import { parseNarInfo } from '../nix/narinfo.ts'
import type { StoreHash } from '../nix/store-path.ts'
import type { Layout } from './layout.ts'
import type { SqliteIndex } from './sqlite-index.ts'

export interface RebuildResult {
  readonly narinfos: number
  readonly nars: number
  readonly bytes: number
}

const batchSize = 256

/**
 * Finds again in `cache/` what a lost index knew, while requests are served. What requests put into
 * the index meanwhile is newer and stays.
 */
export async function readCacheInto(
  index: SqliteIndex,
  layout: Layout,
  signal: AbortSignal,
): Promise<RebuildResult> {
  let narinfos = 0
  await eachBatch(layout.cache, '.narinfo', signal, async (names) => {
    const texts = await Promise.all(
      names.map((name) => readFile(join(layout.cache, name), 'utf8').catch(() => undefined)),
    )
    index.transaction(() => {
      for (const text of texts) {
        const info = text === undefined ? undefined : parseOrSkip(text)
        if (text === undefined || !info?.url.startsWith('nar/')) continue
        const hash: StoreHash = info.storePath.hash
        const file = info.url.slice('nar/'.length)
        index.addNarinfo({ hash, text, file, upstream: undefined, upstreamUrl: undefined })
        narinfos += 1
      }
    })
  })

  let nars = 0
  let bytes = 0
  await eachBatch(layout.nars, '', signal, async (names) => {
    const sizes = await Promise.all(
      names.map((name) => stat(join(layout.nars, name)).catch(() => undefined)),
    )
    index.transaction(() => {
      for (const [at, file] of names.entries()) {
        const stats = sizes[at]
        if (!stats?.isFile() || stats.size === 0 || index.nar(file)) continue
        index.putNar({ file, bytes: stats.size, narHash: narHashOf(index, file) }, stats.mtimeMs)
        nars += 1
        bytes += stats.size
      }
    })
  })
  return { narinfos, nars, bytes }
}

/** A narinfo stands in `cache/` only after its NAR was held against it. */
function narHashOf(index: SqliteIndex, file: string): string | undefined {
  const text = index.narinfosOfFile(file)[0]?.text
  const info = text === undefined ? undefined : parseOrSkip(text)
  return info && formatHash(info.narHash)
}

function parseOrSkip(text: string) {
  try {
    return parseNarInfo(text)
  } catch (error) {
    if (isAppError(error)) return undefined
    throw error
  }
}

async function eachBatch(
  directory: string,
  suffix: string,
  signal: AbortSignal,
  work: (names: string[]) => Promise<void>,
): Promise<void> {
  let names: string[] = []
  for await (const entry of await opendir(directory)) {
    if (signal.aborted) return
    if (!entry.name.endsWith(suffix)) continue
    names.push(entry.name)
    if (names.length < batchSize) continue
    await work(names)
    names = []
  }
  if (names.length > 0 && !signal.aborted) await work(names)
}
