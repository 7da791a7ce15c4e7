import { access, constants, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { printCacheInfo } from '../nix/cache-info.ts'
import type { Log } from '../telemetry.ts'
import { writeWhole } from './durable.ts'
import type { Part } from './kept-parts.ts'
import { createDirectories, type Layout, layoutOf } from './layout.ts'
import { type Lock, takeLock } from './lock.ts'
import { tidyTemporaries } from './tidy-temporaries.ts'

export interface DataDirOptions {
  readonly dataDir: string
  readonly storeDir: string
  readonly log: Log
}

/** A data directory that is this process's own. */
export interface DataDir {
  readonly layout: Layout
  readonly lock: Lock
  /** Why nothing can be written to it; undefined where it can. */
  readonly denial: string | undefined
  /** What earlier downloads left, the oldest first. */
  readonly parts: readonly Part[]
}

/**
 * Takes the data directory, and does `work` with it; creates it where there is none. One that is
 * there but cannot be written is left as it is.
 *
 * @throws AppError LOCKED, DISK; the directory is let go then
 */
export async function takeDataDir<T>(
  options: DataDirOptions,
  work: (dataDir: DataDir) => T,
): Promise<T> {
  const layout = layoutOf(options.dataDir)
  const denial = await denialOf(layout)
  if (denial === undefined) await createDirectories(layout)
  const lock = denial === undefined ? takeLock(layout.lock) : takeLockIfPossible(layout.lock)
  try {
    const parts = denial === undefined ? await tidyTemporaries(layout, Date.now()) : []
    if (denial === undefined) await writeCacheInfo(layout, options)
    return work({ layout, lock, denial, parts })
  } catch (cause) {
    lock.release()
    throw new AppError(
      'DISK',
      `cannot use the data directory ${layout.root}: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/** What the system says to who may only read. */
const denials = new Set(['EROFS', 'EACCES', 'EPERM'])

/** @returns what forbids writing to a data directory that is there */
async function denialOf({ root, cache, nars, temporary }: Layout): Promise<string | undefined> {
  const isThere = await access(nars).then(
    () => true,
    () => false,
  )
  if (!isThere) return undefined
  for (const directory of [root, cache, nars, temporary]) {
    const error = await access(directory, constants.W_OK).then(
      () => undefined,
      (fault: NodeJS.ErrnoException) => fault,
    )
    if (denials.has(error?.code ?? '')) return messageOf(error)
  }
  return undefined
}

/** Where nothing can be written, nobody can be kept from writing, nor needs to be. */
function takeLockIfPossible(file: string): Lock {
  try {
    return takeLock(file)
  } catch (error) {
    if (!isAppError(error, 'DISK')) throw error
    return { release() {} }
  }
}

/** Untouched where it is right already, so that a full disk is no obstacle. */
async function writeCacheInfo(layout: Layout, { storeDir, log }: DataDirOptions): Promise<void> {
  const file = join(layout.cache, 'nix-cache-info')
  const text = printCacheInfo({ storeDir, wantMassQuery: true, priority: undefined })
  if ((await readFile(file, 'utf8').catch(() => undefined)) === text) return
  await writeWhole(file, join(layout.temporary, 'nix-cache-info'), text).catch((error: unknown) =>
    log.warn({ code: 'DISK' }, `could not write ${file}: ${messageOf(error)}`),
  )
}
