import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto'
import { AppError } from '../errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'

/** A detached Ed25519 signature and the name of the key that made it. */
export interface Signature {
  readonly keyName: string
  /** 64 bytes */
  readonly bytes: Uint8Array
}

export interface PublicKey {
  readonly name: string
  /** 32 bytes */
  readonly bytes: Uint8Array
  readonly key: KeyObject
}

export interface SecretKey {
  readonly name: string
  /** 32 bytes, from which all else follows (RFC 8032) */
  readonly seed: Uint8Array
  readonly key: KeyObject
  readonly publicKey: PublicKey
}

/** Public keys by name: the one a signature names is the only one asked about it. */
export type KeyRing = ReadonlyMap<string, PublicKey>

/** What stands before the raw 32 bytes in the DER form OpenSSL reads (RFC 8410). */
const publicKeyDer = Buffer.from('302a300506032b6570032100', 'hex')
const secretKeyDer = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * Reads "<key name>:<base64 of 64 bytes>".
 *
 * @throws AppError BAD_SIGNATURE
 */
export function parseSignature(text: string): Signature {
  const named = splitName(text)
  if (named?.bytes.length !== 64)
    throw new AppError('BAD_SIGNATURE', `${JSON.stringify(text)} is not a signature`)
  return { keyName: named.name, bytes: named.bytes }
}

export function formatSignature(signature: Signature): string {
  return `${signature.keyName}:${encodeBase64(signature.bytes)}`
}

/**
 * Reads "<name>:<base64 of 32 bytes>", a trusted-public-keys entry.
 *
 * @throws AppError BAD_KEY
 */
export function parsePublicKey(text: string): PublicKey {
  const named = splitName(text.trim())
  if (named?.bytes.length !== 32)
    throw new AppError('BAD_KEY', `${JSON.stringify(text)} is not a public key`)
  return publicKeyOf(named.name, named.bytes)
}

export function formatPublicKey(key: PublicKey): string {
  return `${key.name}:${encodeBase64(key.bytes)}`
}

/**
 * Reads what nix-store --generate-binary-cache-key writes: "<name>:<base64 of seed and public key>".
 *
 * @throws AppError BAD_KEY, also when the two halves don't belong together: signing with such a key
 * gives signatures nobody can check. The text is never repeated: it is a secret.
 */
export function parseSecretKey(text: string): SecretKey {
  const named = splitName(text.trim())
  if (named?.bytes.length !== 64) throw new AppError('BAD_KEY', 'this is not a secret key')
  const key = secretKeyOf(named.name, named.bytes.subarray(0, 32))
  if (Buffer.compare(key.publicKey.bytes, named.bytes.subarray(32)) !== 0)
    throw new AppError('BAD_KEY', `the two halves of secret key ${named.name} don't match`)
  return key
}

/** Writes a secret key as Nix's secret-key-files want it. */
export function formatSecretKey(key: SecretKey): string {
  return `${key.name}:${encodeBase64(Buffer.concat([key.seed, key.publicKey.bytes]))}`
}

/**
 * Makes a new secret key.
 *
 * @param seed 32 bytes nobody can guess
 * @throws AppError BAD_KEY when the name cannot be one
 */
export function generateSecretKey(name: string, seed: Uint8Array = randomBytes(32)): SecretKey {
  if (!isKeyName(name) || seed.length !== 32)
    throw new AppError('BAD_KEY', `${JSON.stringify(name)} cannot name a key`)
  return secretKeyOf(name, seed)
}

/**
 * Reads public keys into a ring; of two with one name the first counts, as in Nix.
 *
 * @throws AppError BAD_KEY
 */
export function keyRing(texts: Iterable<string>): KeyRing {
  const ring = new Map<string, PublicKey>()
  for (const text of texts) {
    const key = parsePublicKey(text)
    if (!ring.has(key.name)) ring.set(key.name, key)
  }
  return ring
}

/** @param text signed as its UTF-8 bytes */
export function signText(text: string, key: SecretKey): Signature {
  return { keyName: key.name, bytes: Uint8Array.from(sign(null, Buffer.from(text), key.key)) }
}

/** True when `key` made the signature; the names are not compared. */
export function verifyText(text: string, signature: Signature, key: PublicKey): boolean {
  return verify(null, Buffer.from(text), key.key, signature.bytes)
}

function isKeyName(name: string): boolean {
  return /^[^:\s\p{Cc}]+$/u.test(name)
}

function splitName(text: string): { name: string; bytes: Uint8Array } | undefined {
  const colon = text.indexOf(':')
  const name = text.slice(0, Math.max(colon, 0))
  const bytes = decodeBase64(text.slice(colon + 1))
  return isKeyName(name) && bytes ? { name, bytes } : undefined
}

function publicKeyOf(name: string, bytes: Uint8Array): PublicKey {
  const der = Buffer.concat([publicKeyDer, bytes])
  return { name, bytes, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

function secretKeyOf(name: string, seed: Uint8Array): SecretKey {
  const der = Buffer.concat([secretKeyDer, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    name,
    seed,
    key,
    publicKey: publicKeyOf(name, Uint8Array.from(spki.subarray(publicKeyDer.length))),
  }
}
