import { formatHash } from './hash.ts'
import type { NarInfo } from './narinfo.ts'
import { printStorePath, storePathSet } from './store-path.ts'

/** The part of a narinfo that a signature vouches for. */
export type Signed = Pick<NarInfo, 'storeDir' | 'storePath' | 'narHash' | 'narSize' | 'references'>

/**
 * The text that Sig signs: "1;<store path>;sha256:<nix32>;<NAR bytes>;<references, comma-joined>".
 *
 * @see ValidPathInfo::fingerprint in libstore/path-info.cc
 */
export function fingerprint(info: Signed): string {
  const print = (path: NarInfo['storePath']) => printStorePath(path, info.storeDir)
  const references = storePathSet(info.references).map(print).join(',')
  return `1;${print(info.storePath)};${formatHash(info.narHash)};${info.narSize};${references}`
}
