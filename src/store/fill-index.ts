import { DatabaseSync } from 'node:sqlite'
import { facts, isToRepack, narinfoLookups, narLookups, tables } from './index-schema.ts'
import { type Scan, scanCache, scanTables } from './scan-cache.ts'

/** What one thread is to do: read a share of `cache/`, or make an index of all that was read. */
export type FillOrder =
  | ({ readonly kind: 'scan'; readonly path: string } & Scan)
  | ({ readonly kind: 'sort' } & SortOrder)

export interface SortOrder {
  /** Where the index is made; nothing stands there. */
  readonly path: string
  /** Where the scans are. */
  readonly scans: readonly string[]
  /** For what does not fit in memory while it is sorted. */
  readonly temporary: string
}

export interface FillResult {
  readonly narinfos: number
  readonly nars: number
  readonly bytes: number
  /** Narinfos and NARs that are no good as they are: one without the other, or without a byte. */
  readonly strays: number
}

/** Nothing is synced, and nothing can be rolled back: what is not finished is thrown away. */
const scratch = 'PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;'

/** Writes what is in a share of `cache/` to a database of its own. */
export function writeScan(path: string, scan: Scan): void {
  const database = new DatabaseSync(path)
  try {
    database.exec(`${scratch} ${scanTables} BEGIN`)
    scanCache(database, scan)
    database.exec('COMMIT')
  } finally {
    database.close()
  }
}

/**
 * Makes an index of scans, in bounded memory. Their rows come in the order of hashes, that is in
 * none: sorting them first is many times faster than putting each in its place.
 */
export function sortScans({ path, scans, temporary }: SortOrder): FillResult {
  const database = new DatabaseSync(path)
  try {
    database.exec(
      `${scratch} PRAGMA cache_size = -8192; PRAGMA temp_store_directory = ${quoted(temporary)}; ${tables}`,
    )
    for (const [at, scan] of scans.entries()) database.exec(`ATTACH ${quoted(scan)} AS scan${at}`)
    const all = (select: string) =>
      scans.map((_, at) => select.replace('scan.', `scan${at}.`)).join(' UNION ALL ')
    database.exec(`
      BEGIN;
      INSERT INTO narinfo
        SELECT hash, NULL, file, NULL, NULL, NULL, NULL FROM (${all('SELECT hash, file FROM scan.narinfo')})
        ORDER BY hash;
      ${narinfoLookups}
      -- A narinfo may stand beside a NAR that was not held against it yet.
      INSERT INTO nar
        SELECT file, max(bytes), NULL, max(read_at), ${isToRepack('file')}, NULL, 0 FROM (
          ${all('SELECT file, bytes, read_at, NULL AS promised FROM scan.nar')} UNION ALL
          ${all('SELECT file, NULL, NULL, file_size FROM scan.narinfo')})
        -- One of another length than was promised has been cut short.
        GROUP BY file HAVING max(bytes) > 0 AND coalesce(max(promised) = max(bytes), 1)
        ORDER BY file;
      ${narLookups}
      INSERT INTO fact VALUES ('${facts.wasWhole}', 'yes');
      COMMIT`)
    return countRows(database, all('SELECT count(*) AS rows FROM scan.nar WHERE bytes = 0'))
  } finally {
    database.close()
  }
}

function countRows(database: DatabaseSync, empties: string): FillResult {
  const counts = database
    .prepare(`SELECT
      (SELECT count(*) FROM narinfo) AS narinfos,
      (SELECT count(*) FROM nar) AS nars,
      (SELECT bytes FROM total) AS bytes,
      (SELECT sum(rows) FROM (${empties})) + (SELECT count(DISTINCT file) FROM narinfo
        WHERE NOT EXISTS (SELECT * FROM nar WHERE nar.file = narinfo.file)) AS strays`)
    .get()
  return {
    narinfos: Number(counts?.narinfos),
    nars: Number(counts?.nars),
    bytes: Number(counts?.bytes),
    strays: Number(counts?.strays),
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
