import { type NarInfo, parseNarInfo } from '../nix/narinfo.ts'
import type { NarinfoRecord } from './sqlite-index.ts'

const parsed = new WeakMap<NarinfoRecord, NarInfo>()

/** What a record's text says. Each record is parsed once, however often it is asked. */
export function infoOf(record: NarinfoRecord): NarInfo {
  const known = parsed.get(record)
  if (known) return known
  const info = parseNarInfo(record.text)
  parsed.set(record, info)
  return info
}
