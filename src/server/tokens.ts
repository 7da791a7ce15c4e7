import { type FileHandle, open } from 'node:fs/promises'
import { AppError, messageOf } from '../errors.ts'
import { findToken, parseTokens, type TokenRecord, tokenIn } from '../policy/token.ts'

/** Rights of others, and to write of the group: whoever has them could read or make tokens. */
const forbiddenRights = 0o027

/** The tokens that count, as they were when the configuration was read. */
export interface Tokens {
  /**
   * Tells whose token a header holds.
   *
   * @returns undefined when there is none that counts now
   */
  find(authorization: string | undefined): TokenRecord | undefined
}

/**
 * Reads the file of tokens, for the server.
 *
 * @throws AppError TOKENS_UNREADABLE
 */
export async function openTokens(file: string): Promise<Tokens> {
  const records = await readTokens(file)
  return {
    find(authorization) {
      const token = tokenIn(authorization)
      return token === undefined ? undefined : findToken(token, records, Date.now())
    },
  }
}

/**
 * Reads a file of tokens that nobody but its owner and group may read.
 *
 * @throws AppError TOKENS_UNREADABLE
 */
export async function readTokens(file: string): Promise<TokenRecord[]> {
  try {
    const handle = await open(file, 'r')
    try {
      await requireRights(handle)
      return parseTokens(await handle.readFile('utf8'))
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new AppError('TOKENS_UNREADABLE', `cannot use ${file}: ${messageOf(cause)}`, { cause })
  }
}

async function requireRights(handle: FileHandle): Promise<void> {
  const { mode } = await handle.stat()
  if ((mode & forbiddenRights) === 0) return
  const rights = (mode & 0o777).toString(8).padStart(3, '0')
  throw new AppError('TOKENS_UNREADABLE', `others may read or change it (its mode is ${rights})`)
}
