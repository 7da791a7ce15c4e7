import { createHash, timingSafeEqual } from 'node:crypto'
import { AppError } from '../errors.ts'

/** What is kept of a token: enough to know it again, not enough to use it. */
export interface TokenRecord {
  readonly name: string
  /** hex, 16 bytes */
  readonly salt: string
  /** hex, SHA-256 of salt and token */
  readonly hash: string
  /** RFC 3339 */
  readonly created: string
  /** RFC 3339; undefined: until it is revoked */
  readonly expires?: string | undefined
}

/** What a token begins with, so that who finds one in a log or a repository knows what it is. */
export const tokenPrefix = 'narwhal_'

/** Of 256 random bits: far more than anybody can try. */
export const tokenBytes = 32
export const saltBytes = 16

const version = 1

/** @param random `tokenBytes` that nobody can guess */
export function formatToken(random: Uint8Array): string {
  return tokenPrefix + Buffer.from(random).toString('base64url')
}

/**
 * Makes what is kept of a token. SHA-256 is enough: a hash that is slow on purpose protects what
 * people make up, and would let strangers keep the processor busy with wrong tokens.
 */
export function tokenRecord(
  token: string,
  facts: Omit<TokenRecord, 'salt' | 'hash'>,
  salt: Uint8Array,
): TokenRecord {
  const saltText = Buffer.from(salt).toString('hex')
  return { ...facts, salt: saltText, hash: hashOf(token, saltText).toString('hex') }
}

/**
 * Finds whose token this is. Every record is compared to the end, so that the time it takes says
 * nothing.
 *
 * @param now milliseconds since 1970
 */
export function findToken(
  token: string,
  records: readonly TokenRecord[],
  now: number,
): TokenRecord | undefined {
  let found: TokenRecord | undefined
  for (const record of records) {
    const isSame = timingSafeEqual(hashOf(token, record.salt), Buffer.from(record.hash, 'hex'))
    if (isSame && !hasExpired(record, now)) found = record
  }
  return found
}

/** @param now milliseconds since 1970 */
export function hasExpired({ expires }: TokenRecord, now: number): boolean {
  return expires !== undefined && Date.parse(expires) <= now
}

/**
 * Reads the token from a header: as the password of any user, which is what curl makes of netrc, or
 * as a bearer token.
 *
 * @returns undefined when there is none
 */
export function tokenIn(authorization: string | undefined): string | undefined {
  const match = /^(basic|bearer) +([\w.~+/=-]+) *$/i.exec(authorization ?? '')
  const [, scheme, value = ''] = match ?? []
  if (scheme === undefined) return undefined
  if (scheme.toLowerCase() === 'bearer') return value
  const login = Buffer.from(value, 'base64').toString()
  const colon = login.indexOf(':')
  return colon < 0 ? undefined : login.slice(colon + 1)
}

/**
 * Reads a tokens file.
 *
 * @throws AppError TOKENS_UNREADABLE; the text is never repeated
 */
export function parseTokens(text: string): TokenRecord[] {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new AppError('TOKENS_UNREADABLE', 'it is not JSON', { cause })
  }
  const { version: found, tokens } = (json ?? {}) as { version?: unknown; tokens?: unknown }
  if (found !== version || !Array.isArray(tokens))
    throw new AppError('TOKENS_UNREADABLE', `it is no tokens file of version ${version}`)
  const names = new Set(tokens.map((record) => record?.name))
  if (!tokens.every(isRecord) || names.size !== tokens.length)
    throw new AppError('TOKENS_UNREADABLE', 'one of its tokens is damaged, or two have one name')
  return tokens.map(({ name, salt, hash, created, expires }) => ({
    ...{ name, salt, hash, created },
    ...(expires === undefined ? {} : { expires }),
  }))
}

export function printTokens(tokens: readonly TokenRecord[]): string {
  return `${JSON.stringify({ version, tokens }, null, 2)}\n`
}

/** Letters, digits and a few signs: a name stands in logs and on command lines. */
export function isTokenName(text: string): boolean {
  return /^[A-Za-z0-9][\w.@-]{0,99}$/.test(text)
}

function isRecord(json: unknown): json is TokenRecord {
  if (typeof json !== 'object' || json === null) return false
  const { name, salt, hash, created, expires } = json as Record<string, unknown>
  const isTime = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value))
  return (
    typeof name === 'string' &&
    isTokenName(name) &&
    isHex(salt, saltBytes) &&
    isHex(hash, 32) &&
    isTime(created) &&
    (expires === undefined || isTime(expires))
  )
}

function isHex(value: unknown, bytes: number): boolean {
  return typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]+$/.test(value)
}

function hashOf(token: string, salt: string): Buffer {
  return createHash('sha256').update(Buffer.from(salt, 'hex')).update(token).digest()
}
