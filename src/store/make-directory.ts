import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a directory and those above it, as `mkdir -p` does. Node's own `recursive` tries for ever
 * where the one above is there and takes none: /proc, a working directory that was deleted.
 *
 * @returns false when it was there already
 * @throws the system's error
 */
export async function makeDirectory(path: string): Promise<boolean> {
  try {
    return await makeOne(path)
  } catch (error) {
    const above = dirname(path)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error
    await makeDirectory(above)
    return makeOne(path)
  }
}

async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST'
    if (isThere && (await stat(path)).isDirectory()) return false
    throw error
  }
}
