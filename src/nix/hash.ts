import { AppError } from '../errors.ts'
import { decodeBase32, encodeBase32 } from './base32.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'

export type HashAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512'
export type DigestNotation = 'nix32' | 'hex' | 'base64'
export type HashNotation = DigestNotation | 'sri'

export interface Hash {
  readonly algorithm: HashAlgorithm
  /** As many bytes as the algorithm yields. */
  readonly digest: Uint8Array
}

const digestBytes: ReadonlyMap<string, number> = new Map<HashAlgorithm, number>([
  ['md5', 16],
  ['sha1', 20],
  ['sha256', 32],
  ['sha512', 64],
])

/**
 * Reads "<algorithm>:<nix32, hex or base64>", SRI "<algorithm>-<base64>", or, where `algorithm` is
 * given, the bare digest. SRI options ("?…") are refused, as Nix does.
 *
 * @param algorithm what the hash must be made with
 * @throws AppError BAD_HASH
 * @see libutil/hash.cc: the notation is told by its length, which never clashes within an algorithm
 */
export function parseHash(text: string, algorithm?: HashAlgorithm): Hash {
  const separator = /[:-]/.exec(text)
  const prefix = separator ? text.slice(0, separator.index) : algorithm
  const bytes = prefix === undefined ? undefined : digestBytes.get(prefix)
  if (bytes === undefined || (algorithm !== undefined && prefix !== algorithm))
    throw new AppError(
      'BAD_HASH',
      `${JSON.stringify(text)} does not start with ${algorithm ?? 'a hash algorithm'}`,
    )
  const rest = separator ? text.slice(separator.index + 1) : text
  const digest = decodeDigest(rest, bytes, separator?.[0] === '-')
  if (digest?.length !== bytes)
    throw new AppError('BAD_HASH', `${JSON.stringify(text)} is not a ${prefix} hash`)
  return { algorithm: prefix as HashAlgorithm, digest }
}

function decodeDigest(text: string, bytes: number, sri: boolean): Uint8Array | undefined {
  if (sri) return decodeBase64(text)
  if (text.length === bytes * 2) return decodeHex(text)
  if (text.length === Math.ceil((bytes * 8) / 5)) {
    try {
      return decodeBase32(text)
    } catch (error) {
      throw new AppError('BAD_HASH', `${JSON.stringify(text)} is not a digest`, { cause: error })
    }
  }
  return decodeBase64(text)
}

function decodeHex(text: string): Uint8Array | undefined {
  return /^[0-9a-fA-F]*$/.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined
}

/** Writes a hash with its algorithm: "sha256:…", in SRI "sha256-…". */
export function formatHash(hash: Hash, notation: HashNotation = 'nix32'): string {
  return notation === 'sri'
    ? `${hash.algorithm}-${encodeBase64(hash.digest)}`
    : `${hash.algorithm}:${formatDigest(hash, notation)}`
}

/** Writes the digest alone, as file names and fingerprints want it. */
export function formatDigest(hash: Hash, notation: DigestNotation): string {
  switch (notation) {
    case 'nix32':
      return encodeBase32(hash.digest)
    case 'hex':
      return Buffer.from(hash.digest).toString('hex')
    case 'base64':
      return encodeBase64(hash.digest)
  }
}

export function sameHash(a: Hash, b: Hash): boolean {
  return a.algorithm === b.algorithm && Buffer.compare(a.digest, b.digest) === 0
}
