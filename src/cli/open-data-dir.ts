import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { AppError, isAppError } from '../errors.ts'
import { Disk } from '../store/disk.ts'
import { createTelemetry, silentLog } from '../telemetry.ts'

/**
 * Takes the data directory for a command that works on it, with its index in step with `cache/`.
 *
 * @throws AppError IN_USE while a server has it; NO_DATA, DISK
 */
export async function openDataDir({ cache, dataDir }: Config): Promise<Disk> {
  if (!existsSync(join(dataDir, 'cache')))
    throw new AppError('NO_DATA', `${dataDir} is no data directory of narwhal`)
  try {
    const disk = await Disk.open({
      ...cache,
      dataDir,
      keepsLimits: false,
      log: silentLog,
      telemetry: createTelemetry(),
    })
    await disk.ready
    return disk
  } catch (error) {
    if (!isAppError(error, 'LOCKED')) throw error
    throw new AppError('IN_USE', `a narwhal is using ${dataDir}`, { cause: error })
  }
}

/**
 * Refuses to go by an index that may lack some of what is in `cache/`: it could not be read, or may
 * not be written.
 *
 * @throws AppError DISK
 */
export function requireWholeIndex({ isIndexComplete, layout }: Disk): void {
  if (!isIndexComplete)
    throw new AppError('DISK', `the index of ${layout.root} cannot be brought in step with cache/`)
}

/** @throws AppError DISK where nothing may be changed */
export function requireWritable({ isStoring, layout }: Disk): void {
  if (!isStoring) throw new AppError('DISK', `the data directory ${layout.root} cannot be written`)
}
