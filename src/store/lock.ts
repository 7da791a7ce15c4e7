import { DatabaseSync } from 'node:sqlite'
import { AppError, messageOf } from '../errors.ts'

export interface Lock {
  release(): void
}

/**
 * Takes the data directory for this process alone.
 *
 * SQLite's exclusive lock is a kernel lock: it goes with the process, however that ends, so no stale
 * lock is ever left behind. Node has no flock of its own.
 *
 * @throws AppError LOCKED when another process holds it, DISK when the file cannot be made
 */
export function takeLock(file: string): Lock {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: 500 })
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    const busy = /locked|busy/i.test(messageOf(cause))
    if (busy)
      throw new AppError('LOCKED', `another narwhal uses this data directory (${file})`, { cause })
    throw new AppError('DISK', `cannot lock ${file}: ${messageOf(cause)}`, { cause })
  }
  const held = database
  return { release: () => held.close() }
}
