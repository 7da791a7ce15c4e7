import { AppError, isAppError } from '../errors.ts'
import type { Compression } from './compression.ts'
import { isCompression } from './compression.ts'
import type { Hash } from './hash.ts'
import { formatHash, parseHash } from './hash.ts'
import type { Signature } from './signature.ts'
import { formatSignature, parseSignature } from './signature.ts'
import type { StorePath } from './store-path.ts'
import {
  baseName,
  isStoreDir,
  parseBaseName,
  parseStorePath,
  printStorePath,
  storePathSet,
} from './store-path.ts'

/**
 * What a cache says about one store path.
 *
 * Signed are only storePath, narHash, narSize and references (see fingerprint.ts). Everything else
 * is hearsay: whoever served the file may have written it.
 */
export interface NarInfo {
  /** The directory of StorePath: "/nix/store", nearly always. */
  readonly storeDir: string
  readonly storePath: StorePath
  /** As written: relative to the cache, or absolute. */
  readonly url: string
  readonly compression: Compression
  /** SHA-256 of the file at url, as compressed. */
  readonly fileHash: Hash | undefined
  /** Bytes of the file at url. */
  readonly fileSize: number | undefined
  /** SHA-256 of the NAR, unpacked. */
  readonly narHash: Hash
  /** Bytes of the NAR, unpacked; at least 1. */
  readonly narSize: number
  /** In Nix's order, each once; the path itself may be among them. */
  readonly references: readonly StorePath[]
  /** A base name, "<hash>-<name>.drv". */
  readonly deriver: string | undefined
  readonly system: string | undefined
  readonly signatures: readonly Signature[]
  /** The content address, as written; content-address.ts reads it. */
  readonly ca: string | undefined
}

/**
 * Reads a narinfo, by Nix's rules (libstore/nar-info.cc) and stricter where Nix is merely careless.
 *
 * Unknown fields and malformed signatures are passed over; a missing or empty Compression means
 * bzip2, as it did before the field existed.
 *
 * @param text bytes must be UTF-8
 * @throws AppError BAD_NARINFO
 */
export function parseNarInfo(text: string | Uint8Array): NarInfo {
  try {
    return readFields(splitLines(typeof text === 'string' ? text : decodeUtf8(text)))
  } catch (error) {
    if (!isAppError(error, 'BAD_HASH', 'BAD_STORE_PATH')) throw error
    throw corrupt(error.message, error)
  }
}

interface Lines {
  readonly fields: ReadonlyMap<string, string>
  readonly signatures: readonly Signature[]
}

function splitLines(text: string): Lines {
  // Nothing in a narinfo has a use for control characters; CR and NUL are the signs of a mangled one.
  if (/[^\P{Cc}\n]/u.test(text) || !text.isWellFormed()) throw corrupt('it is not plain text')
  if (!text.endsWith('\n')) throw corrupt('it is cut short: no final newline')
  const fields = new Map<string, string>()
  const signatures = new Map<string, Signature>()
  for (const line of text.slice(0, -1).split('\n')) {
    const colon = line.indexOf(':')
    // Nix skips the colon and whatever follows it, even a newline: after a bare "References:" it
    // takes the whole next line for the value. Here a bare "Name:" is an empty value, the only
    // thing its writer can have meant, and print puts the space back; where Nix would lose a
    // letter ("Name:value") the file is refused.
    if (colon < 0 || (colon + 1 < line.length && line[colon + 1] !== ' '))
      throw corrupt(`expected "Name: value", found ${JSON.stringify(line.slice(0, 100))}`)
    const name = line.slice(0, colon)
    const value = line.slice(colon + 2)
    if (name === 'Sig') {
      const signature = readSignature(value)
      if (signature) signatures.set(value, signature)
    } else if (knownFields.has(name)) {
      // Two values for one field would let two readers see two different paths.
      if (fields.has(name)) throw corrupt(`it has two ${name} fields`)
      fields.set(name, value)
    }
  }
  return { fields, signatures: [...signatures.values()] }
}

const knownFields: ReadonlySet<string> = new Set([
  'StorePath',
  'URL',
  'Compression',
  'FileHash',
  'FileSize',
  'NarHash',
  'NarSize',
  'References',
  'Deriver',
  'System',
  'CA',
])

function readFields({ fields, signatures }: Lines): NarInfo {
  const required = (name: string): string => {
    const value = fields.get(name)
    if (!value) throw corrupt(`${name} is missing`)
    return value
  }
  const fullPath = required('StorePath')
  const storeDir = fullPath.slice(0, Math.max(fullPath.lastIndexOf('/'), 0))
  if (!isStoreDir(storeDir)) throw corrupt(`${JSON.stringify(fullPath)} is not a full path`)
  const compression = fields.get('Compression') || 'bzip2'
  if (!isCompression(compression))
    throw corrupt(`compression ${JSON.stringify(compression)} is unknown`)
  const narSize = readSize('NarSize', required('NarSize'))
  if (narSize === 0) throw corrupt('NarSize is zero')
  const narHash = parseHash(required('NarHash'))
  // The signed text says "sha256:", so a signature can vouch for no other.
  if (narHash.algorithm !== 'sha256') throw corrupt('NarHash is not SHA-256')
  return {
    storeDir,
    storePath: parseStorePath(fullPath, storeDir),
    url: required('URL'),
    compression,
    fileHash: readFileHash(fields.get('FileHash')),
    fileSize: readFileSize(fields.get('FileSize')),
    narHash,
    narSize,
    references: storePathSet(readReferences(fields.get('References') ?? '')),
    deriver: readDeriver(fields.get('Deriver')),
    system: fields.get('System') || undefined,
    signatures,
    ca: fields.get('CA') || undefined,
  }
}

function readSize(name: string, text: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(bytes)) throw corrupt(`${name} is ${JSON.stringify(text.slice(0, 40))}`)
  return bytes
}

function readFileHash(text: string | undefined): Hash | undefined {
  if (text === undefined) return undefined
  const hash = parseHash(text)
  // Files are named and checked by SHA-256; another algorithm is as good as none.
  return hash.algorithm === 'sha256' ? hash : undefined
}

function readFileSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  // Nix writes 0 for "not known"; no file that holds a NAR is empty.
  return readSize('FileSize', text) || undefined
}

function readReferences(text: string): StorePath[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(parseBaseName)
}

function readDeriver(text: string | undefined): string | undefined {
  if (text === undefined || text === 'unknown-deriver') return undefined
  return baseName(parseBaseName(text))
}

/** Nix 2.8 passes over a malformed signature and 2.34 fails on it: it must not travel on. */
function readSignature(text: string): Signature | undefined {
  try {
    return parseSignature(text)
  } catch (error) {
    if (isAppError(error, 'BAD_SIGNATURE')) return undefined
    throw error
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw corrupt('it is not UTF-8', error)
  }
}

function corrupt(reason: string, cause?: unknown): AppError {
  return new AppError('BAD_NARINFO', `the narinfo is corrupt: ${reason}`, { cause })
}

/**
 * Writes a narinfo with the fields in Nix's order (NarInfo::to_string in libstore/nar-info.cc).
 *
 * `References: ` keeps its space when there are none: without it, Nix takes the next line for them.
 */
export function printNarInfo(info: NarInfo): string {
  let text = `StorePath: ${printStorePath(info.storePath, info.storeDir)}\n`
  text += `URL: ${info.url}\n`
  text += `Compression: ${info.compression}\n`
  if (info.fileHash) text += `FileHash: ${formatHash(info.fileHash)}\n`
  if (info.fileSize !== undefined) text += `FileSize: ${info.fileSize}\n`
  text += `NarHash: ${formatHash(info.narHash)}\n`
  text += `NarSize: ${info.narSize}\n`
  text += `References: ${storePathSet(info.references).map(baseName).join(' ')}\n`
  if (info.deriver !== undefined) text += `Deriver: ${info.deriver}\n`
  if (info.system !== undefined) text += `System: ${info.system}\n`
  for (const signature of info.signatures) text += `Sig: ${formatSignature(signature)}\n`
  if (info.ca !== undefined) text += `CA: ${info.ca}\n`
  return text
}
