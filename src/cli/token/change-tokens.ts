import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError, messageOf } from '../../errors.ts'
import { printTokens, type TokenRecord } from '../../policy/token.ts'
import { readTokens } from '../../server/tokens.ts'
import { syncDirectory } from '../../store/durable.ts'

/** For its owner alone, until he says otherwise. */
const newFileMode = 0o600

/**
 * Changes a file of tokens: old or new, never half, and one change at a time. It keeps the owner and
 * the rights it has; a new one is for its owner alone.
 *
 * @throws AppError TOKENS_UNREADABLE, FILE_EXISTS, CANNOT_WRITE; whatever `change` throws
 */
export async function changeTokens(
  file: string,
  change: (tokens: readonly TokenRecord[]) => readonly TokenRecord[],
): Promise<void> {
  const draft = `${file}.new`
  const handle = await openDraft(draft)
  try {
    const before = await stat(file).catch(() => undefined)
    const tokens = change(before ? await readTokens(file) : [])
    await write(handle, before, printTokens(tokens), draft)
    await handle.close()
    await rename(draft, file)
    await syncDirectory(dirname(file))
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(draft, { force: true })
    throw error
  }
}

/** It is the lock, too. */
async function openDraft(draft: string): Promise<FileHandle> {
  try {
    return await open(draft, 'wx', newFileMode)
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    if (isTaken)
      throw new AppError('FILE_EXISTS', `${draft} is there: another change runs, or was cut off`, {
        cause,
      })
    throw new AppError('CANNOT_WRITE', `cannot write ${draft}: ${messageOf(cause)}`, { cause })
  }
}

async function write(
  handle: FileHandle,
  before: { readonly mode: number; readonly uid: number; readonly gid: number } | undefined,
  text: string,
  draft: string,
): Promise<void> {
  try {
    const own = await handle.stat()
    if (before && (before.uid !== own.uid || before.gid !== own.gid))
      await handle.chown(before.uid, before.gid)
    if (before) await handle.chmod(before.mode & 0o777)
    await handle.writeFile(text)
    await handle.sync()
  } catch (cause) {
    throw new AppError('CANNOT_WRITE', `cannot write ${draft}: ${messageOf(cause)}`, { cause })
  }
}
