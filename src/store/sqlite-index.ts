import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { AppError, isAppError } from '../errors.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { isToRepack, narinfoLookups, narLookups, schemaVersion, tables } from './index-schema.ts'

/** A narinfo as we hand it out, with what is needed to fetch its NAR once more. */
export interface NarinfoRecord {
  readonly hash: StoreHash
  /** The text clients get. */
  readonly text: string
  /** Name of its file below `nar/`. */
  readonly file: string
  /** Name of the upstream it came from, and the URL as written there; undefined after a rebuild. */
  readonly upstream: string | undefined
  readonly upstreamUrl: string | undefined
  /** What the upstream offers, where `text` and `file` lead to the zstd form of that NAR. */
  readonly original?: { readonly text: string; readonly file: string } | undefined
}

/** A NAR as eviction sees it. */
export interface NarAge {
  readonly file: string
  readonly bytes: number
  /** milliseconds since 1970 */
  readonly readAt: number
}

export interface NarRecord {
  readonly file: string
  readonly bytes: number
  /** NarHash the bytes were checked against; undefined where only the file's own hash was known. */
  readonly narHash: string | undefined
  /** True for what was pushed here, as far as the index knows. */
  readonly isOrigin?: boolean
}

/** A narinfo of which the index may hold no more than this: the text stands in `cache/`. */
export type NarinfoEntry = Omit<NarinfoRecord, 'text'> & { readonly text: string | undefined }

/**
 * What the disk tier knows about its files. Disposable: everything in it can be found again in
 * `cache/` or at the upstreams, so it is never fsynced on the way of a request.
 */
export class SqliteIndex {
  readonly #database: DatabaseSync
  readonly #narinfo: StatementSync
  readonly #hashesOfFile: StatementSync
  readonly #putNarinfo: StatementSync
  readonly #addNarinfo: StatementSync
  readonly #deleteNarinfo: StatementSync
  readonly #nar: StatementSync
  readonly #putNar: StatementSync
  readonly #hashesOfOriginal: StatementSync
  readonly #toRepack: StatementSync
  readonly #countToRepack: StatementSync
  readonly #leaveUnpacked: StatementSync
  readonly #supersede: StatementSync
  readonly #superseded: StatementSync
  readonly #reinstate: StatementSync
  readonly #confirmNar: StatementSync
  readonly #deleteNar: StatementSync
  readonly #touch: StatementSync
  readonly #markOrigin: StatementSync
  readonly #byAge: StatementSync
  readonly #byName: StatementSync
  readonly #hashes: StatementSync
  readonly #newestRead: StatementSync
  readonly #totalBytes: StatementSync
  readonly #fact: StatementSync
  readonly #putFact: StatementSync
  readonly #deleteFact: StatementSync

  private constructor(database: DatabaseSync) {
    this.#database = database
    const prepare = (sql: string) => database.prepare(sql)
    this.#narinfo = prepare('SELECT * FROM narinfo WHERE hash = ?')
    this.#hashesOfFile = prepare('SELECT hash FROM narinfo WHERE file = ?')
    this.#putNarinfo = prepare('INSERT OR REPLACE INTO narinfo VALUES (?, ?, ?, ?, ?, ?, ?)')
    this.#addNarinfo = prepare(`
      INSERT INTO narinfo VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE
      SET text = excluded.text, file = excluded.file WHERE text IS NULL`)
    this.#deleteNarinfo = prepare('DELETE FROM narinfo WHERE hash = ?')
    this.#nar = prepare('SELECT * FROM nar WHERE file = ?')
    // REPLACE would leave the triggers out, and with them the total.
    this.#putNar = prepare(`
      INSERT INTO nar VALUES (?1, ?2, ?3, ?4, ${isToRepack('?1')}, NULL, 0)
      ON CONFLICT (file) DO UPDATE
      SET bytes = excluded.bytes, nar_hash = excluded.nar_hash, read_at = excluded.read_at,
        to_repack = excluded.to_repack, superseded_at = NULL`)
    this.#hashesOfOriginal = prepare('SELECT hash FROM narinfo WHERE original_file = ?')
    this.#toRepack = prepare(`
      SELECT file FROM nar WHERE to_repack = 1 ORDER BY read_at DESC LIMIT ?`)
    this.#countToRepack = prepare('SELECT count(*) AS rows FROM nar WHERE to_repack = 1')
    this.#leaveUnpacked = prepare('UPDATE nar SET to_repack = 0 WHERE file = ?')
    this.#supersede = prepare('UPDATE nar SET to_repack = 0, superseded_at = ? WHERE file = ?')
    this.#superseded = prepare(`
      SELECT file FROM nar WHERE superseded_at <= ? ORDER BY superseded_at LIMIT ?`)
    this.#reinstate = prepare(`
      UPDATE nar SET superseded_at = NULL, to_repack = ${isToRepack('file')}
      WHERE file = ? AND superseded_at IS NOT NULL`)
    this.#confirmNar = prepare('UPDATE nar SET nar_hash = ? WHERE file = ?')
    this.#deleteNar = prepare('DELETE FROM nar WHERE file = ?')
    this.#markOrigin = prepare('UPDATE nar SET is_origin = ? WHERE file = ?')
    this.#touch = prepare('UPDATE nar SET read_at = ? WHERE file = ?')
    this.#byAge = prepare(`
      SELECT file, bytes, read_at FROM nar WHERE is_origin = ? AND (read_at, file) > (?, ?)
      ORDER BY read_at, file LIMIT ?`)
    this.#byName = prepare('SELECT file FROM nar WHERE file > ? ORDER BY file LIMIT ?')
    this.#hashes = prepare('SELECT hash FROM narinfo LIMIT ?')
    this.#newestRead = prepare(`
      SELECT max(coalesce((SELECT max(read_at) FROM nar WHERE is_origin = 0), 0),
        coalesce((SELECT max(read_at) FROM nar WHERE is_origin = 1), 0)) AS at`)
    this.#totalBytes = prepare('SELECT bytes, origin_bytes FROM total')
    this.#fact = prepare('SELECT value FROM fact WHERE name = ?')
    this.#putFact = prepare('INSERT OR REPLACE INTO fact VALUES (?, ?)')
    this.#deleteFact = prepare('DELETE FROM fact WHERE name = ?')
  }

  /**
   * @param use `scratch` for one that is thrown away if the machine stops: nothing is synced
   * @throws the database's error; isLostIndex tells whether the file is to blame
   */
  static open(path: string, use: IndexUse = 'lasting'): SqliteIndex {
    return new SqliteIndex(openDatabase(path, use))
  }

  /** @returns also records whose text stands in `cache/` only */
  entry(hash: StoreHash): NarinfoEntry | undefined {
    const row = this.#narinfo.get(hash)
    return row && toNarinfoEntry(row)
  }

  /** The narinfos that lead to this NAR file. */
  hashesOfFile(file: string): StoreHash[] {
    return this.#hashesOfFile.all(file).map((row) => row.hash as StoreHash)
  }

  /** The narinfos that led to this NAR file before they led to its zstd form. */
  hashesOfOriginal(file: string): StoreHash[] {
    return this.#hashesOfOriginal.all(file).map((row) => row.hash as StoreHash)
  }

  /** Some narinfos, in no particular order. */
  hashes(limit: number): StoreHash[] {
    return this.#hashes.all(limit).map((row) => row.hash as StoreHash)
  }

  putNarinfo(record: NarinfoEntry): void {
    this.#putNarinfo.run(...narinfoValues(record))
  }

  /** Leaves a text that is already there as it is: it knows the upstream, a file does not. */
  addNarinfo(record: NarinfoEntry): void {
    this.#addNarinfo.run(...narinfoValues(record))
  }

  deleteNarinfo(hash: StoreHash): void {
    this.#deleteNarinfo.run(hash)
  }

  nar(file: string): (NarRecord & NarAge) | undefined {
    const row = this.#nar.get(file)
    return row && toNarRecord(row)
  }

  putNar(record: NarRecord, readAt: number): void {
    this.#putNar.run(record.file, record.bytes, record.narHash ?? null, readAt)
  }

  /** NARs whose zstd form is still to be made, those read last first. */
  narsToRepack(limit: number): string[] {
    return this.#toRepack.all(limit).map((row) => row.file as string)
  }

  countToRepack(): number {
    return Number(this.#countToRepack.get()?.rows ?? 0)
  }

  /** Lets a NAR be as it is. */
  leaveUnpacked(file: string): void {
    this.#leaveUnpacked.run(file)
  }

  /** Notes that narinfos lead to a NAR's zstd form, from `now` on, in milliseconds since 1970. */
  supersede(file: string, now: number): void {
    this.#supersede.run(now, file)
  }

  /** Notes that narinfos lead to an original again. */
  reinstate(file: string): void {
    this.#reinstate.run(file)
  }

  /** NARs that were superseded at `until` or before, in milliseconds since 1970. */
  supersededNars(until: number, limit: number): string[] {
    return this.#superseded.all(until, limit).map((row) => row.file as string)
  }

  confirmNar(file: string, narHash: string): void {
    this.#confirmNar.run(narHash, file)
  }

  deleteNar(file: string): void {
    this.#deleteNar.run(file)
  }

  /** @param readAt milliseconds since 1970, by file */
  touch(readAt: ReadonlyMap<string, number>): void {
    this.transaction(() => {
      for (const [file, at] of readAt) this.#touch.run(at, file)
    })
  }

  /** Least recently read first, beginning after `after`: what was pushed here, or all else. */
  narsByAge(after: NarAge | undefined, limit: number, isOrigin = false): NarAge[] {
    const from = after ?? { readAt: Number.MIN_SAFE_INTEGER, file: '' }
    return this.#byAge.all(Number(isOrigin), from.readAt, from.file, limit).map((row) => ({
      file: row.file as string,
      bytes: row.bytes as number,
      readAt: row.read_at as number,
    }))
  }

  /** Files in the order of their names, beginning after `after`. */
  narsByName(after: string, limit: number): string[] {
    return this.#byName.all(after, limit).map((row) => row.file as string)
  }

  /** @returns milliseconds since 1970; 0 when nothing is kept */
  newestRead(): number {
    return Number(this.#newestRead.get()?.at ?? 0)
  }

  /** Bytes of all NARs; kept by triggers, since a sum over a million rows takes its time. */
  totalBytes(): number {
    return Number(this.#totalBytes.get()?.bytes ?? 0)
  }

  /** Of these, bytes of what was pushed here. */
  originBytes(): number {
    return Number(this.#totalBytes.get()?.origin_bytes ?? 0)
  }

  /** Notes whether a NAR was pushed here; the mark beside `cache/` is what counts. */
  markOrigin(file: string, isOrigin: boolean): void {
    this.#markOrigin.run(Number(isOrigin), file)
  }

  fact(name: string): string | undefined {
    return this.#fact.get(name)?.value as string | undefined
  }

  putFact(name: string, value: string): void {
    this.#putFact.run(name, value)
  }

  /** Forgets a fact so that it stays forgotten after a power cut, unlike all other changes. */
  deleteFact(name: string): void {
    this.commit()
    this.#database.exec('PRAGMA synchronous = FULL')
    this.#deleteFact.run(name)
    this.#database.exec('PRAGMA synchronous = NORMAL')
  }

  /** Begins a batch, unless one has begun: what is written from now on waits for `commit`. */
  beginBatch(): void {
    if (!this.#database.isTransaction) this.#database.exec('BEGIN')
  }

  /** Keeps what was written since the batch began. */
  commit(): void {
    if (this.#database.isTransaction) this.#database.exec('COMMIT')
  }

  /** Does `work` as one step of its own, whatever batch there is. */
  transaction(work: () => void): void {
    this.commit()
    this.#database.exec('BEGIN')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      // On a full or failing disk SQLite has rolled back by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  close(): void {
    try {
      this.commit()
    } finally {
      this.#database.close()
    }
  }
}

export type IndexUse = 'lasting' | 'scratch' | 'read-only'

/** SQLite's codes for a file that is no sound database: ERROR, IOERR, CORRUPT, SCHEMA, NOTADB. */
const lostCodes = new Set([1, 10, 11, 17, 26])

/** True when only a new index can mend this; other errors, such as a full disk, may pass. */
export function isLostIndex(error: unknown): boolean {
  if (isAppError(error)) return isAppError(error, 'INDEX_LOST')
  const { errcode } = error as { errcode?: number }
  return errcode !== undefined && lostCodes.has(errcode & 0xff)
}

const preparations: Readonly<Record<IndexUse, string>> = {
  lasting: 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL',
  scratch: 'PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF',
  'read-only': '',
}

function openDatabase(path: string, use: IndexUse): DatabaseSync {
  const database = use === 'read-only' ? openUnchanging(path) : new DatabaseSync(path)
  try {
    database.exec(preparations[use])
    const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
    if (version === 0) database.exec(`BEGIN; ${tables} ${narinfoLookups} ${narLookups} COMMIT`)
    else if (version !== schemaVersion)
      throw new AppError('INDEX_LOST', `an index of version ${version}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Without it, SQLite would make a file for the log beside the index, also to read. */
function openUnchanging(path: string): DatabaseSync {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true })
}

type Row = Record<string, unknown>

function narinfoValues(record: NarinfoEntry): (string | null)[] {
  const { hash, text, file, upstream, upstreamUrl, original } = record
  const optional = [upstream, upstreamUrl, original?.text, original?.file]
  return [hash, text ?? null, file, ...optional.map((value) => value ?? null)]
}

function toNarinfoEntry(row: Row): NarinfoEntry {
  return {
    hash: row.hash as StoreHash,
    text: (row.text as string | null) ?? undefined,
    file: row.file as string,
    upstream: (row.upstream as string | null) ?? undefined,
    upstreamUrl: (row.upstream_url as string | null) ?? undefined,
    original:
      row.original_file === null
        ? undefined
        : { text: row.original_text as string, file: row.original_file as string },
  }
}

function toNarRecord(row: Row): NarRecord & NarAge {
  return {
    file: row.file as string,
    bytes: row.bytes as number,
    narHash: (row.nar_hash as string | null) ?? undefined,
    readAt: row.read_at as number,
    isOrigin: row.is_origin === 1,
  }
}
