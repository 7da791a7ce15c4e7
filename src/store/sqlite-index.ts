import { closeSync, fsyncSync, openSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { AppError, isAppError } from '../errors.ts'
import type { StoreHash } from '../nix/store-path.ts'

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
}

/** Set while an empty index is filled without care for power cuts. */
const unfinished = 'being filled'
const schemaVersion = 2
const schema = `
  CREATE TABLE narinfo (
    hash TEXT PRIMARY KEY, text TEXT NOT NULL, file TEXT NOT NULL, upstream TEXT, upstream_url TEXT
  ) WITHOUT ROWID;
  CREATE INDEX narinfo_by_file ON narinfo (file);
  CREATE TABLE nar (
    file TEXT PRIMARY KEY, bytes INTEGER NOT NULL, nar_hash TEXT, read_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX nar_by_age ON nar (read_at, file, bytes);
  CREATE TABLE total (bytes INTEGER NOT NULL);
  INSERT INTO total VALUES (0);
  CREATE TRIGGER nar_came AFTER INSERT ON nar BEGIN UPDATE total SET bytes = bytes + new.bytes; END;
  CREATE TRIGGER nar_went AFTER DELETE ON nar BEGIN UPDATE total SET bytes = bytes - old.bytes; END;
  CREATE TRIGGER nar_changed AFTER UPDATE OF bytes ON nar
    BEGIN UPDATE total SET bytes = bytes + new.bytes - old.bytes; END;
  CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = ${schemaVersion};
`

/**
 * What the disk tier knows about its files. Disposable: everything in it can be found again in
 * `cache/` or at the upstreams, so it is never fsynced on the way of a request.
 */
export class SqliteIndex {
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #narinfo: StatementSync
  readonly #narinfosOfFile: StatementSync
  readonly #putNarinfo: StatementSync
  readonly #addNarinfo: StatementSync
  readonly #deleteNarinfo: StatementSync
  readonly #nar: StatementSync
  readonly #putNar: StatementSync
  readonly #confirmNar: StatementSync
  readonly #deleteNar: StatementSync
  readonly #touch: StatementSync
  readonly #byAge: StatementSync
  readonly #byName: StatementSync
  readonly #anyNarinfo: StatementSync
  readonly #newestRead: StatementSync
  readonly #totalBytes: StatementSync
  readonly #fact: StatementSync
  readonly #putFact: StatementSync
  readonly #deleteFact: StatementSync

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path
    this.#database = database
    const prepare = (sql: string) => database.prepare(sql)
    this.#narinfo = prepare('SELECT * FROM narinfo WHERE hash = ?')
    this.#narinfosOfFile = prepare('SELECT * FROM narinfo WHERE file = ?')
    this.#putNarinfo = prepare('INSERT OR REPLACE INTO narinfo VALUES (?, ?, ?, ?, ?)')
    this.#addNarinfo = prepare('INSERT OR IGNORE INTO narinfo VALUES (?, ?, ?, ?, ?)')
    this.#deleteNarinfo = prepare('DELETE FROM narinfo WHERE hash = ?')
    this.#nar = prepare('SELECT file, bytes, nar_hash FROM nar WHERE file = ?')
    // REPLACE would leave the triggers out, and with them the total.
    this.#putNar = prepare(`
      INSERT INTO nar VALUES (?, ?, ?, ?) ON CONFLICT (file) DO UPDATE
      SET bytes = excluded.bytes, nar_hash = excluded.nar_hash, read_at = excluded.read_at`)
    this.#confirmNar = prepare('UPDATE nar SET nar_hash = ? WHERE file = ?')
    this.#deleteNar = prepare('DELETE FROM nar WHERE file = ?')
    this.#touch = prepare('UPDATE nar SET read_at = ? WHERE file = ?')
    this.#byAge = prepare(`
      SELECT file, bytes, read_at FROM nar WHERE (read_at, file) > (?, ?)
      ORDER BY read_at, file LIMIT ?`)
    this.#byName = prepare('SELECT file FROM nar WHERE file > ? ORDER BY file LIMIT ?')
    this.#anyNarinfo = prepare('SELECT hash FROM narinfo LIMIT 1')
    this.#newestRead = prepare('SELECT max(read_at) AS at FROM nar')
    this.#totalBytes = prepare('SELECT bytes FROM total')
    this.#fact = prepare('SELECT value FROM fact WHERE name = ?')
    this.#putFact = prepare('INSERT OR REPLACE INTO fact VALUES (?, ?)')
    this.#deleteFact = prepare('DELETE FROM fact WHERE name = ?')
  }

  /** @throws the database's error; isLostIndex tells whether the file is to blame */
  static open(path: string): SqliteIndex {
    const index = new SqliteIndex(path, openDatabase(path))
    if (index.fact(unfinished) === undefined) return index
    index.close()
    throw new AppError('INDEX_LOST', 'the last process ended while it filled the index')
  }

  narinfo(hash: StoreHash): NarinfoRecord | undefined {
    const row = this.#narinfo.get(hash)
    return row && toNarinfoRecord(row)
  }

  narinfosOfFile(file: string): NarinfoRecord[] {
    return this.#narinfosOfFile.all(file).map(toNarinfoRecord)
  }

  putNarinfo(record: NarinfoRecord): void {
    this.#putNarinfo.run(...narinfoValues(record))
  }

  /** Leaves a record that is already there as it is: it knows the upstream, a file does not. */
  addNarinfo(record: NarinfoRecord): void {
    this.#addNarinfo.run(...narinfoValues(record))
  }

  deleteNarinfo(hash: StoreHash): void {
    this.#deleteNarinfo.run(hash)
  }

  nar(file: string): NarRecord | undefined {
    const row = this.#nar.get(file)
    return row && toNarRecord(row)
  }

  putNar(record: NarRecord, readAt: number): void {
    this.#putNar.run(record.file, record.bytes, record.narHash ?? null, readAt)
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

  /** Least recently read first, beginning after `after`. */
  narsByAge(after: NarAge | undefined, limit: number): NarAge[] {
    const from = after ?? { readAt: Number.MIN_SAFE_INTEGER, file: '' }
    return this.#byAge.all(from.readAt, from.file, limit).map((row) => ({
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

  fact(name: string): string | undefined {
    return this.#fact.get(name)?.value as string | undefined
  }

  putFact(name: string, value: string): void {
    this.#putFact.run(name, value)
  }

  /** Forgets a fact so that it stays forgotten after a power cut, unlike all other changes. */
  deleteFact(name: string): void {
    this.#database.exec('PRAGMA synchronous = FULL')
    this.#deleteFact.run(name)
    this.#database.exec('PRAGMA synchronous = NORMAL')
  }

  /**
   * Prepares an empty index for a million rows, which come in no order: much memory for pages, and
   * no waiting for the disk. A power cut may damage it then, so it is marked until `endFilling`.
   *
   * @returns false when there are rows already, which are worth more care
   */
  beginFilling(): boolean {
    if (this.#byName.get('', 1) || this.#anyNarinfo.get()) return false
    this.putFact(unfinished, 'yes')
    // The mark must be on the disk before the care ends. A log would have all written twice.
    this.#database.exec(`
      PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE);
      PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768`)
    return true
  }

  endFilling(): void {
    this.#database.exec(`
      PRAGMA synchronous = NORMAL; PRAGMA journal_mode = WAL; PRAGMA cache_size = -2000;
      PRAGMA shrink_memory`)
    this.#syncFile()
    this.#deleteFact.run(unfinished)
  }

  /** What was written without care may still be in memory. */
  #syncFile(): void {
    const descriptor = openSync(this.#path, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }

  transaction(work: () => void): void {
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
    this.#database.close()
  }
}

/** SQLite's codes for a file that is no sound database: ERROR, IOERR, CORRUPT, SCHEMA, NOTADB. */
const lostCodes = new Set([1, 10, 11, 17, 26])

/** True when only a new index can mend this; other errors, such as a full disk, may pass. */
export function isLostIndex(error: unknown): boolean {
  if (isAppError(error)) return isAppError(error, 'INDEX_LOST')
  const { errcode } = error as { errcode?: number }
  return errcode !== undefined && lostCodes.has(errcode & 0xff)
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
    if (version === 0) database.exec(`BEGIN; ${schema}; COMMIT`)
    else if (version !== schemaVersion)
      throw new AppError('INDEX_LOST', `an index of version ${version}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

type Row = Record<string, unknown>

function narinfoValues(
  record: NarinfoRecord,
): [string, string, string, string | null, string | null] {
  const { hash, text, file, upstream, upstreamUrl } = record
  return [hash, text, file, upstream ?? null, upstreamUrl ?? null]
}

function toNarinfoRecord(row: Row): NarinfoRecord {
  return {
    hash: row.hash as StoreHash,
    text: row.text as string,
    file: row.file as string,
    upstream: (row.upstream as string | null) ?? undefined,
    upstreamUrl: (row.upstream_url as string | null) ?? undefined,
  }
}

function toNarRecord(row: Row): NarRecord {
  return {
    file: row.file as string,
    bytes: row.bytes as number,
    narHash: (row.nar_hash as string | null) ?? undefined,
  }
}
