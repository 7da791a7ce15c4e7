import { AppError, isAppError } from '../errors.ts'
import { type Compression, compressionExtension } from '../nix/compression.ts'
import { fingerprint } from '../nix/fingerprint.ts'
import { formatDigest, formatHash, type Hash, sameHash } from '../nix/hash.ts'
import { type NarInfo, parseNarInfo } from '../nix/narinfo.ts'
import { formatSignature, type KeyRing, type SecretKey, signText } from '../nix/signature.ts'
import { baseName, type StoreHash } from '../nix/store-path.ts'
import { type NarFile, parseNarFile } from './nar-file.ts'
import { requireTrust } from './trust.ts'

/** What a narinfo that is pushed has to agree with. */
export interface PushRules {
  /** The hash in the URL it was pushed to. */
  readonly hash: StoreHash
  readonly storeDir: string
  /** Keys whose signatures are believed, our own among them. */
  readonly keys: KeyRing
  /** Signs what no believed key has signed. */
  readonly signingKey: SecretKey | undefined
}

/** A pushed narinfo that says one thing only, with the file its NAR must be. */
export interface PushedNarinfo {
  readonly info: NarInfo
  /** As it will be handed out. */
  readonly file: NarFile & { readonly shape: 'file' }
  /** Name it was pushed as: Nix adds nothing for gzip and other rarities. */
  readonly pushedAs: string
}

/**
 * Reads a narinfo somebody pushes, strictly, and sees to its signature. Nothing of its NAR is looked
 * at here.
 *
 * @throws AppError UPLOAD_REFUSED, UPLOAD_UNSIGNED
 */
export function readPushed(text: Uint8Array, rules: PushRules): PushedNarinfo {
  const info = parseOrRefuse(text)
  const { file, pushedAs } = requireFile(info)
  const whole = { ...info, url: `nar/${file.name}`, fileHash: file.fileHash }
  return { info: vouchedFor(whole, rules), file, pushedAs }
}

/**
 * Brings together what two pushes of one path say.
 *
 * @returns the one that is there with the other's signatures; undefined when it had them all
 * @throws AppError UPLOAD_CONFLICT when they are two different paths
 */
export function joined(there: NarInfo, pushed: NarInfo): NarInfo | undefined {
  if (!sameHash(there.narHash, pushed.narHash))
    throw new AppError(
      'UPLOAD_CONFLICT',
      `${baseName(there.storePath)} is here with NarHash ${formatHash(there.narHash)}, which stays; pushed was ${formatHash(pushed.narHash)}`,
    )
  if (fingerprint(there) !== fingerprint(pushed))
    throw new AppError(
      'UPLOAD_CONFLICT',
      `${baseName(there.storePath)} is here with another name, size or other references, which stay`,
    )
  const known = new Set(there.signatures.map(formatSignature))
  const more = pushed.signatures.filter((signature) => !known.has(formatSignature(signature)))
  if (more.length === 0) return undefined
  return { ...there, signatures: [...there.signatures, ...more] }
}

function parseOrRefuse(text: Uint8Array): NarInfo {
  try {
    return parseNarInfo(text)
  } catch (error) {
    if (!isAppError(error, 'BAD_NARINFO')) throw error
    throw new AppError('UPLOAD_REFUSED', error.message, { cause: error })
  }
}

function requireFile(info: NarInfo): Omit<PushedNarinfo, 'info'> {
  const refuse = (why: string) => new AppError('UPLOAD_REFUSED', `the narinfo is wrong: ${why}`)
  const name = /^nar\/([^/]+)$/.exec(info.url)?.[1]
  const file = name === undefined ? undefined : parseNarFile(name)
  if (file?.shape !== 'file')
    throw refuse(`its URL must be nar/<FileHash>.nar and what its compression adds`)
  const { compression } = info
  if (file.compression !== compression && file.compression !== 'none')
    throw refuse(`its URL says ${file.compression}, its Compression ${compression}`)
  if (info.fileHash && !sameHash(info.fileHash, file.fileHash))
    throw refuse('its FileHash is not the one in its URL')
  const isNarItself = compression === 'none'
  if (isNarItself && !sameHash(info.narHash, file.fileHash))
    throw refuse('it is not compressed, but its NarHash is not its FileHash')
  const named = { ...file, name: narName(file.fileHash, compression), compression }
  return { file: named, pushedAs: file.name }
}

/** Lets the narinfo carry a signature that is believed here. */
function vouchedFor(info: NarInfo, { hash, storeDir, keys, signingKey }: PushRules): NarInfo {
  try {
    requireTrust(info, { hash, storeDir, keys, verify: 'signature' })
    return info
  } catch (error) {
    if (isAppError(error, 'WRONG_STORE_PATH'))
      throw new AppError('UPLOAD_REFUSED', error.message, { cause: error })
    if (!isAppError(error, 'UNTRUSTED')) throw error
    // Whoever signed with a key we know has signed something else.
    const isForged = info.signatures.some(({ keyName }) => keys.has(keyName))
    if (isForged) throw new AppError('UPLOAD_REFUSED', error.message, { cause: error })
    if (!signingKey) throw new AppError('UPLOAD_UNSIGNED', error.message, { cause: error })
    const signature = signText(fingerprint(info), signingKey)
    return { ...info, signatures: [...info.signatures, signature] }
  }
}

function narName(fileHash: Hash, compression: Compression): string {
  return `${formatDigest(fileHash, 'nix32')}.nar${compressionExtension(compression)}`
}
