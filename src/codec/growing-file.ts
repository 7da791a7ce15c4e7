import { closeSync, openSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { AppError, messageOf } from '../errors.ts'
import { readBytes } from './packed-reader.ts'

/** How far a file is known to be there. */
export interface FileProgress {
  readonly bytes: number
  /** nothing will follow */
  readonly isComplete: boolean
}

/** Reads a file that somebody else is still writing, as far as it is told that it may. */
export class GrowingFile {
  readonly #descriptor: number
  readonly #onHungry: () => void
  #progress: FileProgress
  #position = 0
  #isClosed = false
  #wake = () => {}

  /**
   * @param onHungry called once each time all the known bytes are read and more are wanted
   * @throws AppError DISK when the file cannot be opened
   */
  constructor(path: string, progress: FileProgress, onHungry: () => void) {
    this.#progress = progress
    this.#onHungry = onHungry
    this.#descriptor = onDisk(() => openSync(path, 'r'))
  }

  advance(progress: FileProgress): void {
    this.#progress = progress
    this.#wake()
  }

  /** Closes the descriptor; a read that waits, and every later one, fails. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    closeSync(this.#descriptor)
    this.#wake()
  }

  /** @throws AppError CHECK_FAILED */
  throwIfClosed(): void {
    if (this.#isClosed) throw new AppError('CHECK_FAILED', 'the check was cancelled')
  }

  /**
   * Reads the next bytes, at most 256 KiB, and lets the event loop turn before.
   *
   * @returns how many were read into the start of `into`; 0 at the end of the complete file
   * @throws AppError DISK, also when the file holds less than it was said to
   * @throws AppError CHECK_FAILED when it was closed
   */
  async read(into: Uint8Array): Promise<number> {
    await setImmediate()
    while (this.#position >= this.#progress.bytes && !this.#isClosed) {
      if (this.#progress.isComplete) return 0
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        this.#onHungry()
      })
    }
    this.throwIfClosed()
    const known = this.#progress.bytes - this.#position
    const wanted = Math.min(into.length, readBytes, known)
    const count = onDisk(() => readSync(this.#descriptor, into, 0, wanted, this.#position))
    if (count === 0)
      throw new AppError('DISK', `a file has ${this.#position} bytes and should have ${known} more`)
    this.#position += count
    return count
  }
}

function onDisk<T>(act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw new AppError('DISK', `cannot read a NAR to check it: ${messageOf(cause)}`, { cause })
  }
}
