import { constants } from 'node:fs'
import { access, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, messageOf } from '../../errors.ts'
import type { ConfigFile } from '../../nixos/config-files.ts'
import { makeDirectory } from '../../store/make-directory.ts'

/**
 * Writes files into a directory, making it where it is not there. All or none: nothing is written
 * when one of them is there already.
 *
 * @param isForced overwrites what is there
 * @throws AppError FILE_EXISTS that names all that are there; CANNOT_WRITE
 */
export async function writeFiles(
  directory: string,
  files: readonly ConfigFile[],
  isForced: boolean,
): Promise<string[]> {
  const paths = files.map(({ name }) => join(directory, name))
  if (!isForced) await refuseExisting(paths)
  try {
    await makeDirectory(directory)
    for (const [at, { text }] of files.entries()) await writeWhole(paths[at] as string, text)
  } catch (cause) {
    throw new AppError('CANNOT_WRITE', `cannot write to ${directory}: ${messageOf(cause)}`, {
      cause,
    })
  }
  return paths
}

async function refuseExisting(paths: readonly string[]): Promise<void> {
  const there: string[] = []
  for (const path of paths) if (await isThere(path)) there.push(path)
  if (there.length === 0) return
  const verb = there.length === 1 ? 'is' : 'are'
  throw new AppError('FILE_EXISTS', `${there.join(', ')} ${verb} there already; --force overwrites`)
}

function isThere(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}

/** Under another name first: a configuration is never half there. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  try {
    const file = await open(temporary, 'w', 0o644)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
