import { readFile } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { type KeyRing, keyRing, parseSecretKey, type SecretKey } from '../nix/signature.ts'
import { openTokens, type Tokens } from './tokens.ts'

/** What a configuration says about who may push, and whose signatures what is pushed may have. */
export interface UploadSecrets {
  readonly tokens: Tokens | undefined
  readonly signingKey: SecretKey | undefined
  /** Our own public key alone; empty without one. */
  readonly ownKeys: KeyRing
  /** Keys believed for what is pushed. */
  readonly keys: KeyRing
}

/** @throws AppError TOKENS_UNREADABLE, SECRET_UNREADABLE, BAD_KEY */
export async function readUploadSecrets(config: Config): Promise<UploadSecrets> {
  const { auth, trustedPublicKeys } = config
  const tokens = auth.tokensFile === undefined ? undefined : await openTokens(auth.tokensFile)
  const signingKey = await readSigningKey(config)
  const ownKeys: KeyRing = new Map(signingKey ? [[signingKey.name, signingKey.publicKey]] : [])
  return { tokens, signingKey, ownKeys, keys: new Map([...keyRing(trustedPublicKeys), ...ownKeys]) }
}

/** @throws AppError SECRET_UNREADABLE, BAD_KEY */
export async function readSigningKey({ signing }: Config): Promise<SecretKey | undefined> {
  const { keyFile: file } = signing
  if (file === undefined) return undefined
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('SECRET_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  })
  try {
    return parseSecretKey(text)
  } catch (cause) {
    if (!isAppError(cause)) throw cause
    throw new AppError('BAD_KEY', `${file}: ${cause.message}`, { cause })
  }
}
