import type { Hash } from '../nix/hash.ts'
import { printNarInfo } from '../nix/narinfo.ts'
import { infoOf } from './record-info.ts'
import type { NarinfoRecord } from './sqlite-index.ts'

/** The zstd form of a NAR. */
export interface RepackedNar {
  /** Name of its file below `nar/`. */
  readonly file: string
  readonly fileHash: Hash
  readonly fileSize: number
}

/**
 * Lets a narinfo lead to the zstd form of its NAR. What the signature covers stays as it is; what
 * the upstream offers is remembered, for those who hold its URL.
 */
export function asRepacked(record: NarinfoRecord, nar: RepackedNar): NarinfoRecord {
  const { file, fileHash, fileSize } = nar
  const offered = asOriginal(record)
  const { text, file: originalFile } = offered
  const info = infoOf(offered)
  return {
    ...record,
    text: printNarInfo({ ...info, url: `nar/${file}`, compression: 'zstd', fileHash, fileSize }),
    file,
    original: { text, file: originalFile },
  }
}

/** The narinfo as its upstream offers the NAR. */
export function asOriginal(record: NarinfoRecord): NarinfoRecord {
  const { original } = record
  return original ? { ...record, ...original, original: undefined } : record
}

/**
 * Brings an upstream's new narinfo to where the one before leads already.
 *
 * @returns the new one as it is when the one before leads to no zstd form of the same file
 */
export function inStepWith(before: NarinfoRecord | undefined, fresh: NarinfoRecord): NarinfoRecord {
  if (before?.original?.file !== fresh.file) return fresh
  const { fileHash, fileSize } = infoOf(before)
  if (!fileHash || fileSize === undefined) return fresh
  return asRepacked(fresh, { file: before.file, fileHash, fileSize })
}
