import { statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'

/** This machine's own Nix store. */
export interface NixStoreReading {
  /** Of the file system it lies on, in bytes. */
  readonly totalBytes: number
  /** For everybody, not for root alone. */
  readonly freeBytes: number
  /** Valid paths and the bytes of their NARs; undefined where Nix's database cannot be read. */
  readonly paths: { readonly count: number; readonly bytes: number } | undefined
}

/**
 * Reads the room a Nix store has and takes. Adds up Nix's own database, which takes some
 * milliseconds for every ten thousand paths: not for every tick.
 *
 * @returns undefined where there is no store
 */
export async function readNixStore(root = '/nix'): Promise<NixStoreReading | undefined> {
  const space = await statfs(`${root}/store`).catch(() => undefined)
  if (space === undefined) return undefined
  return {
    totalBytes: space.blocks * space.bsize,
    freeBytes: space.bavail * space.bsize,
    paths: countPaths(`${root}/var/nix/db/db.sqlite`),
  }
}

function countPaths(file: string): NixStoreReading['paths'] {
  try {
    const database = new DatabaseSync(addressOf(file), { readOnly: true, timeout: 100 })
    try {
      const row = database
        .prepare('select count(*) as count, coalesce(sum(narSize), 0) as bytes from ValidPaths')
        .get()
      return { count: Number(row?.count), bytes: Number(row?.bytes) }
    } finally {
      database.close()
    }
  } catch {
    // No database, not ours to read, or busy: the figure is left out.
    return undefined
  }
}

/**
 * Where nothing waits in the write-ahead log, the file is read as one that nobody changes
 * (sqlite.org/uri.html, immutable): it then needs no lock, no right to write beside it, and leaves no
 * file behind. A change in that moment spoils one figure of one reading.
 */
function addressOf(file: string): URL {
  const address = pathToFileURL(resolve(file))
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false })
  if (log === undefined || log.size === 0) address.searchParams.set('immutable', '1')
  return address
}
