import { closeSync, opendirSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { isAppError } from '../errors.ts'
import { type NarInfo, parseNarInfo } from '../nix/narinfo.ts'
import { isStoreHash } from '../nix/store-path.ts'
import { parseNarFile } from '../policy/nar-file.ts'
import { narinfoSuffix } from './layout.ts'

const namesAtOnce = 1024
/** Enough for nearly all narinfos; longer ones are read once more. */
const bufferBytes = 16 * 1024

/** They are judged when a narinfo is served; to decode them here would only make garbage. */
const signatures = /^Sig: [\x20-\x7e]*\n/gm

/** What is read of `cache/`, in the order it comes: indexes in the order of names are made of it. */
export const scanTables = `
  CREATE TABLE narinfo (hash TEXT, file TEXT, file_size INTEGER);
  CREATE TABLE nar (file TEXT, bytes INTEGER, read_at INTEGER);
`

export interface Scan {
  readonly cache: string
  readonly nars: string
  /** Which of so many shares of the files to read: each is for one thread. */
  readonly share: number
  readonly shares: number
  /** milliseconds since 1970; no file counts as read later */
  readonly now: number
}

/**
 * Reads a share of `cache/` into the scan tables. What is neither narinfo nor NAR is passed over.
 *
 * For a thread of its own: it waits for the disk file by file, which costs a third of the computing
 * that asking for several at a time does.
 *
 * @throws the system's error when a directory cannot be read
 */
export function scanCache(database: DatabaseSync, scan: Scan): void {
  const putNarinfo = database.prepare('INSERT INTO narinfo VALUES (?, ?, ?)')
  const putNar = database.prepare('INSERT INTO nar VALUES (?, ?, ?)')
  const buffer = Buffer.allocUnsafeSlow(bufferBytes)
  // Narinfos first: each was put there after its NAR, which is then found as well.
  for (const name of namesOf(scan.cache, scan)) {
    const hash = name.endsWith(narinfoSuffix) && name.slice(0, -narinfoSuffix.length)
    if (!hash || !isStoreHash(hash)) continue
    const text = readText(join(scan.cache, name), buffer)
    const info = text === undefined ? undefined : parseOrSkip(text.replace(signatures, ''))
    if (info?.storePath.hash !== hash || !info.url.startsWith('nar/')) continue
    const file = info.url.slice('nar/'.length)
    putNarinfo.run(hash, file, info.fileSize ?? null)
  }
  for (const name of namesOf(scan.nars, scan)) {
    const stats = parseNarFile(name) && statOrSkip(join(scan.nars, name))
    if (stats?.isFile()) putNar.run(name, stats.size, Math.min(Math.floor(stats.mtimeMs), scan.now))
  }
}

function* namesOf(directory: string, { share, shares }: Scan): Generator<string> {
  const entries = opendirSync(directory, { bufferSize: namesAtOnce })
  try {
    for (let entry = entries.readSync(); entry; entry = entries.readSync())
      if (shareOf(entry.name, shares) === share) yield entry.name
  } finally {
    entries.closeSync()
  }
}

/** By a few letters of a hash, which are as good as random. */
function shareOf(name: string, shares: number): number {
  let sum = 0
  for (let at = 1; at < 5; at += 1) sum += name.charCodeAt(at) || 0
  return sum % shares
}

function readText(path: string, buffer: Buffer): string | undefined {
  try {
    const descriptor = openSync(path, 'r')
    try {
      const length = readSync(descriptor, buffer, 0, buffer.length, 0)
      const isWhole = length < buffer.length
      return isWhole ? buffer.toString('utf8', 0, length) : readFileSync(path, 'utf8')
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined
  }
}

function statOrSkip(path: string) {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** @returns undefined for a text that is no narinfo, which is not believed */
export function parseOrSkip(text: string): NarInfo | undefined {
  try {
    return parseNarInfo(text)
  } catch (error) {
    if (isAppError(error)) return undefined
    throw error
  }
}
