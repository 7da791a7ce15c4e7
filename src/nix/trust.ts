import { contentAddressedHash, parseContentAddress } from './content-address.ts'
import { fingerprint } from './fingerprint.ts'
import { sameHash } from './hash.ts'
import type { NarInfo } from './narinfo.ts'
import type { KeyRing } from './signature.ts'
import { verifyText } from './signature.ts'
import { compareStorePaths } from './store-path.ts'

/**
 * Finds a signature made by a key of the ring over this narinfo's path, NAR and references.
 *
 * @returns the key's name; undefined when there is no such signature
 */
export function signedBy(info: NarInfo, keys: KeyRing): string | undefined {
  const known = info.signatures.filter((signature) => keys.has(signature.keyName))
  if (known.length === 0) return undefined
  const text = fingerprint(info)
  return known.find((signature) => {
    const key = keys.get(signature.keyName)
    return key !== undefined && verifyText(text, signature, key)
  })?.keyName
}

/**
 * True when the store path follows from the CA field, so that clients need no signature.
 *
 * What this proves is that path, CA and references belong together. For "fixed:r:sha256:…" without
 * a self-reference the content address is the hash of the NAR, and NarHash must be that same hash:
 * then it vouches for the bytes as a signature would. Of the other kinds (text, flat, another
 * algorithm, a NAR that names itself) it covers the content but not NarHash, which anybody may have
 * written; Nix hashes those anew when it imports them (LocalStore::addToStore), so a wrong NAR is
 * refused by the client, not by us.
 */
export function isContentAddressed(info: NarInfo): boolean {
  const address = info.ca === undefined ? undefined : parseContentAddress(info.ca)
  if (!address || contentAddressedHash(address, info) !== info.storePath.hash) return false
  const isNarHash = address.method === 'nar' && address.hash.algorithm === 'sha256'
  const namesItself = info.references.some((ref) => compareStorePaths(ref, info.storePath) === 0)
  return !isNarHash || namesItself || sameHash(address.hash, info.narHash)
}
