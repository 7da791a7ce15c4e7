import { repackedEndings } from '../policy/nar-file.ts'

/** Raised with every change of the tables or of what is believed of them: others are made anew. */
export const schemaVersion = 6

/**
 * A narinfo without text stands in `cache/`, and its text is read there: a rebuilt index would
 * else hold all of them a second time.
 */
export const tables = `
  CREATE TABLE narinfo (
    hash TEXT PRIMARY KEY, text TEXT, file TEXT NOT NULL, upstream TEXT, upstream_url TEXT,
    original_text TEXT, original_file TEXT
  ) WITHOUT ROWID;
  CREATE TABLE nar (
    file TEXT PRIMARY KEY, bytes INTEGER NOT NULL, nar_hash TEXT, read_at INTEGER NOT NULL,
    to_repack INTEGER NOT NULL, superseded_at INTEGER, is_origin INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE total (bytes INTEGER NOT NULL, origin_bytes INTEGER NOT NULL);
  CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`

/** What comes after the rows where many are put in at once: it is far cheaper so. */
export const narinfoLookups = `
  CREATE INDEX narinfo_by_file ON narinfo (file);
  CREATE INDEX narinfo_by_original ON narinfo (original_file) WHERE original_file IS NOT NULL;
`
export const narLookups = `
  CREATE INDEX nar_by_age ON nar (is_origin, read_at, file, bytes);
  CREATE INDEX nar_to_repack ON nar (read_at) WHERE to_repack = 1;
  CREATE INDEX nar_superseded ON nar (superseded_at) WHERE superseded_at IS NOT NULL;
  INSERT INTO total SELECT coalesce(sum(bytes), 0), coalesce(sum(bytes * is_origin), 0) FROM nar;
  CREATE TRIGGER nar_came AFTER INSERT ON nar BEGIN UPDATE total SET
    bytes = bytes + new.bytes, origin_bytes = origin_bytes + new.bytes * new.is_origin; END;
  CREATE TRIGGER nar_went AFTER DELETE ON nar BEGIN UPDATE total SET
    bytes = bytes - old.bytes, origin_bytes = origin_bytes - old.bytes * old.is_origin; END;
  CREATE TRIGGER nar_changed AFTER UPDATE OF bytes, is_origin ON nar BEGIN UPDATE total SET
    bytes = bytes + new.bytes - old.bytes,
    origin_bytes = origin_bytes + new.bytes * new.is_origin - old.bytes * old.is_origin; END;
  PRAGMA user_version = ${schemaVersion};
`

/**
 * Says in SQL whether the zstd form of a NAR is still to be made, as its name tells.
 *
 * @param file an expression for the name
 */
export function isToRepack(file: string): string {
  return `(${repackedEndings.map((ending) => `${file} GLOB '*${ending}'`).join(' OR ')})`
}

/** Facts an index may hold. */
export const facts = {
  /** Set while nothing uses the index, when all of `cache/` is in it and nothing else. */
  inStep: 'in step with cache/',
  /** Set once all of `cache/` has been in it: since then it lacks a little at most. */
  wasWhole: 'was whole',
} as const
