import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { AppError, messageOf } from '../../errors.ts'
import type { LinkFile } from '../../nixos/link/link-files.ts'

/**
 * Writes files into a directory by their own names, all or, where one is there already, none.
 *
 * @returns where they are now
 * @throws AppError FILE_EXISTS, CANNOT_WRITE
 */
export function writeLinkFiles(
  files: readonly LinkFile[],
  directory: string,
  { force = false }: { readonly force?: boolean },
): string[] {
  const named = files.map((file) => ({ ...file, path: join(directory, basename(file.path)) }))
  const there = named.find(({ path }) => existsSync(path))
  if (there && !force)
    throw new AppError('FILE_EXISTS', `${there.path} is there already; --force overwrites it`)
  for (const { path, mode, text } of named) {
    try {
      mkdirSync(directory, { recursive: true })
      writeFileSync(path, text, { mode })
      // A file that was there keeps its mode otherwise.
      chmodSync(path, mode)
    } catch (cause) {
      throw new AppError('CANNOT_WRITE', `cannot write ${path}: ${messageOf(cause)}`, { cause })
    }
  }
  return named.map(({ path }) => path)
}
