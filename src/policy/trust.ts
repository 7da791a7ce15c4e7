import { AppError } from '../errors.ts'
import type { NarInfo } from '../nix/narinfo.ts'
import type { KeyRing } from '../nix/signature.ts'
import { printStorePath, type StoreHash } from '../nix/store-path.ts'
import { isContentAddressed, signedBy } from '../nix/trust.ts'

export interface Expectation {
  /** The hash the narinfo was asked for. */
  readonly hash: StoreHash
  readonly storeDir: string
  readonly keys: KeyRing
  /** "none" takes unsigned narinfos; the paths and hashes are held against each other all the same. */
  readonly verify: 'signature' | 'none'
}

/**
 * Decides whether a narinfo may be handed on.
 *
 * @throws AppError WRONG_STORE_PATH when it answers another question; UNTRUSTED when nobody we trust
 *   vouches for it. The message says what is wrong, not where it came from.
 */
export function requireTrust(info: NarInfo, expected: Expectation): void {
  const path = printStorePath(info.storePath, info.storeDir)
  if (info.storePath.hash !== expected.hash)
    throw new AppError('WRONG_STORE_PATH', `asked for ${expected.hash}, got ${path}`)
  if (info.storeDir !== expected.storeDir)
    throw new AppError('WRONG_STORE_PATH', `${path} does not lie in ${expected.storeDir}`)
  if (expected.verify === 'none') return
  if (signedBy(info, expected.keys) !== undefined) return
  if (isContentAddressed(info)) return
  throw new AppError('UNTRUSTED', `${path} ${whyUntrusted(info, expected.keys)}`)
}

function whyUntrusted(info: NarInfo, keys: KeyRing): string {
  const names = [...new Set(info.signatures.map((signature) => signature.keyName))]
  if (names.length === 0) return 'carries no signature'
  const known = names.filter((name) => keys.has(name))
  if (known.length > 0) return `has a wrong signature by ${known.join(', ')}`
  return `is signed only by keys not trusted here: ${names.join(', ')}`
}
