import { createHash } from 'node:crypto'
import { isAppError } from '../errors.ts'
import { encodeBase32 } from './base32.ts'
import type { Hash } from './hash.ts'
import { formatHash, parseHash } from './hash.ts'
import type { StoreHash, StorePath } from './store-path.ts'
import { compareStorePaths, printStorePath, storePathSet } from './store-path.ts'

/**
 * How the content was hashed: `text` is one file that may have references, `flat` one file's bytes,
 * `nar` the NAR.
 */
export type ContentAddressMethod = 'text' | 'flat' | 'nar'

export interface ContentAddress {
  readonly method: ContentAddressMethod
  readonly hash: Hash
}

const prefixes: readonly (readonly [prefix: string, method: ContentAddressMethod])[] = [
  ['text:', 'text'],
  ['fixed:r:', 'nar'],
  ['fixed:', 'flat'],
]

/**
 * Reads a narinfo's CA field: "text:sha256:…", "fixed:<algorithm>:…" or "fixed:r:<algorithm>:…".
 *
 * @returns undefined for what is malformed or not known here ("fixed:git:…" among it)
 * @see libstore/content-address.cc
 */
export function parseContentAddress(text: string): ContentAddress | undefined {
  const found = prefixes.find(([prefix]) => text.startsWith(prefix))
  if (!found) return undefined
  const [prefix, method] = found
  const digest = text.slice(prefix.length)
  // parseHash would take SRI too; Nix does not here.
  if (!digest.includes(':')) return undefined
  try {
    return { method, hash: parseHash(digest) }
  } catch (error) {
    if (isAppError(error, 'BAD_HASH')) return undefined
    throw error
  }
}

export interface Addressed {
  readonly storeDir: string
  readonly storePath: StorePath
  readonly references: readonly StorePath[]
}

/**
 * The hash part that a path with this content address, name and references must have.
 *
 * @param path only its name counts, and whether it is among its own references
 * @returns undefined where Nix allows no such path
 * @see Store::makeFixedOutputPath and makeTextPath in libstore/store-api.cc
 */
export function contentAddressedHash(
  { method, hash }: ContentAddress,
  path: Addressed,
): StoreHash | undefined {
  const { storeDir, storePath } = path
  const isSelf = (reference: StorePath) => compareStorePaths(reference, storePath) === 0
  const others = storePathSet(path.references).filter((reference) => !isSelf(reference))
  const self = path.references.some(isSelf)
  const withReferences = (type: string) =>
    [
      type,
      ...others.map((other) => printStorePath(other, storeDir)),
      ...(self ? ['self'] : []),
    ].join(':')
  const hex = formatHash(hash, 'hex')

  if (method === 'text')
    return hash.algorithm === 'sha256' && !self
      ? storeHash(withReferences('text'), hex, path)
      : undefined
  if (method === 'nar' && hash.algorithm === 'sha256')
    return storeHash(withReferences('source'), hex, path)
  // The type of any other fixed output has no room for references.
  if (others.length > 0 || self) return undefined
  const inner = sha256(`fixed:out:${method === 'nar' ? 'r:' : ''}${hex}:`).toString('hex')
  return storeHash('output:out', `sha256:${inner}`, path)
}

/** makeStorePath: the digest of what a path is, folded to the 20 bytes a store path shows. */
function storeHash(type: string, hash: string, { storeDir, storePath }: Addressed): StoreHash {
  const digest = sha256(`${type}:${hash}:${storeDir}:${storePath.name}`)
  const folded = new Uint8Array(20)
  for (const [i, byte] of digest.entries()) folded[i % 20] = (folded[i % 20] as number) ^ byte
  return encodeBase32(folded) as StoreHash
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
