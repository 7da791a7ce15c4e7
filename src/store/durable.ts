import { closeSync, fsyncSync, openSync } from 'node:fs'
import { open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Directories that are being synced, and the syncs that come after those. */
const syncing = new Map<string, Promise<void>>()
const waiting = new Map<string, Promise<void>>()

/**
 * Makes a rename or an unlink in this directory survive a power cut. One sync serves all who ask for
 * it while another runs: what they did in the directory may have come too late for that one.
 *
 * @throws the system's error, to all whom the sync was for
 */
export function syncDirectory(directory: string): Promise<void> {
  const running = syncing.get(directory)
  if (!running) return beginSync(directory)
  const next = waiting.get(directory) ?? syncAfter(running, directory)
  waiting.set(directory, next)
  return next
}

async function syncAfter(running: Promise<void>, directory: string): Promise<void> {
  await running.catch(() => undefined)
  waiting.delete(directory)
  await beginSync(directory)
}

function beginSync(directory: string): Promise<void> {
  const sync = syncAlone(directory).finally(() => {
    if (syncing.get(directory) === sync) syncing.delete(directory)
  })
  syncing.set(directory, sync)
  return sync
}

async function syncAlone(directory: string): Promise<void> {
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
