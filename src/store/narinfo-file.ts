import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatHash } from '../nix/hash.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { writeWhole } from './durable.ts'
import type { Layout } from './layout.ts'
import { infoOf } from './record-info.ts'
import { parseOrSkip } from './scan-cache.ts'
import type { NarinfoRecord } from './sqlite-index.ts'

/**
 * Reads a narinfo that stands in `cache/`.
 *
 * @returns a record without upstream; undefined when there is none, or none that names a NAR here
 */
export async function readNarinfo(
  layout: Layout,
  hash: StoreHash,
): Promise<NarinfoRecord | undefined> {
  return recordOf(hash, await readFile(layout.narinfo(hash), 'utf8').catch(() => undefined))
}

/** The same at once, as the index, which lies on the same disk, is read at once. */
export function readNarinfoNow(layout: Layout, hash: StoreHash): NarinfoRecord | undefined {
  try {
    return recordOf(hash, readFileSync(layout.narinfo(hash), 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Puts a narinfo into `cache/`, in its NAR's turn.
 *
 * @throws the system's error; then what stood there still stands
 */
export async function writeNarinfo(layout: Layout, { hash, text }: NarinfoRecord): Promise<void> {
  const temporary = join(layout.temporary, `${hash}.${randomUUID()}.narinfo`)
  await writeWhole(layout.narinfo(hash), temporary, text)
}

/** How long narinfos say their NAR file is. No signature covers that: one that lies makes no other wrong. */
export function sizesPromisedBy(narinfos: readonly NarinfoRecord[]): number[] {
  return narinfos.flatMap((record) => infoOf(record).fileSize ?? [])
}

/** Narinfos that lead to the same file, those first that say the NarHash it was checked against. */
export function fittingFirst(
  narinfos: readonly NarinfoRecord[],
  checked: string | undefined,
): NarinfoRecord[] {
  const fits = (record: NarinfoRecord) => formatHash(infoOf(record).narHash) === checked
  return narinfos.toSorted((a, b) => Number(fits(b)) - Number(fits(a)))
}

function recordOf(hash: StoreHash, text: string | undefined): NarinfoRecord | undefined {
  const info = text === undefined ? undefined : parseOrSkip(text)
  // Whatever else it may be by now, it is not what was put there.
  if (text === undefined || info?.storePath.hash !== hash) return undefined
  if (!info.url.startsWith('nar/')) return undefined
  return {
    hash,
    text,
    file: info.url.slice('nar/'.length),
    upstream: undefined,
    upstreamUrl: undefined,
  }
}
