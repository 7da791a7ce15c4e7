import { openDescriptor } from './shared-descriptor.ts'

/** Reads one NAR file by position, be it whole on disk or still on its way. */
export interface NarReader {
  /** Bytes of the whole file; undefined while nobody knows. */
  readonly size: number | undefined
  /**
   * Puts up to `buffer.length` bytes from `position` into `buffer`, waiting for bytes in flight.
   *
   * @returns bytes read; 0 at the end of the file
   * @throws AppError when the rest will not come, or the reader was closed while it waited
   */
  read(buffer: Buffer, position: number): Promise<number>
  /** Idempotent, and ends a read that waits. */
  close(): void
  /** True while this path leads to the file that is read; without it, no path does. */
  isAt?(path: string): Promise<boolean>
}

export interface WholeNarReader extends NarReader {
  readonly size: number
}

/**
 * Opens a whole file.
 *
 * @returns undefined when no file is there
 * @throws the system's error
 */
export async function openWhole(path: string): Promise<WholeNarReader | undefined> {
  const descriptor = await openDescriptor(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (descriptor === undefined) return undefined
  try {
    const size = await descriptor.size()
    if (size === undefined) {
      descriptor.release()
      return undefined
    }
    return {
      size,
      read: (buffer, position) => descriptor.read(buffer, position, buffer.length),
      close: () => descriptor.release(),
      isAt: (path) => descriptor.isAt(path),
    }
  } catch (error) {
    descriptor.release()
    throw error
  }
}
