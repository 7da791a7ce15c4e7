import { formatHash } from '../nix/hash.ts'
import { type NarInfo, printNarInfo } from '../nix/narinfo.ts'
import { narFileOf } from '../policy/nar-file.ts'
import type { NarinfoRecord } from '../store/sqlite-index.ts'

/**
 * Makes what we hand out of what an upstream said: its URL becomes ours, the signed part and the
 * signatures stay as they are.
 */
export function handOut(info: NarInfo, upstream: string): NarinfoRecord {
  const file = narFileOf(info)
  return {
    hash: info.storePath.hash,
    text: printNarInfo({ ...info, url: `nar/${file}` }),
    file,
    upstream,
    upstreamUrl: info.url,
  }
}

/** The one way NarHashes are written where they are kept and compared. */
export function narHashText(info: NarInfo): string {
  return formatHash(info.narHash)
}
