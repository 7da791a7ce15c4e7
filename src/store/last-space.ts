import { messageOf } from '../errors.ts'
import type { Log } from '../telemetry.ts'
import type { DiskRoom, Space } from './disk-room.ts'

/**
 * Tells how much room there is to whoever only looks: where the file system cannot be asked, as it was
 * last. That is said once while it lasts, and is no reason to keep nothing: nobody wanted to write.
 */
export function lastSpaceOf(
  room: Pick<DiskRoom, 'space' | 'lastSpace'>,
  log: Log,
): () => Promise<Space> {
  let isKnown = true
  return async () => {
    try {
      const space = await room.space()
      isKnown = true
      return space
    } catch (error) {
      if (isKnown) log.warn({ code: 'DISK' }, `could not ask the file system: ${messageOf(error)}`)
      isKnown = false
      return room.lastSpace
    }
  }
}
