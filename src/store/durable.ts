import { closeSync, fsyncSync, openSync } from 'node:fs'
import { open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Makes a rename or an unlink in this directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The same at once, for the rare step that nothing may come between. */
export function syncDirectoryNow(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Puts a file's bytes on the disk, whoever wrote them. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

/**
 * Gives a finished temporary file its final name, so that after a power cut the name is either
 * absent or leads to the whole file. Without the first sync, ext4 may keep the name with 0 bytes.
 * The file's own bytes must already be synced.
 */
export async function moveInto(temporary: string, final: string): Promise<void> {
  await rename(temporary, final)
  await syncDirectory(dirname(final))
}

/** Writes a small file whole or not at all; `temporary` must lie on the same filesystem. */
export async function writeWhole(final: string, temporary: string, text: string): Promise<void> {
  try {
    await writeFile(temporary, text, { flush: true })
    await moveInto(temporary, final)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
