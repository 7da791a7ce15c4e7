import { closeSync, openSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { AppError, messageOf } from '../errors.ts'
import { readBytes } from './packed-reader.ts'

/** How far a file is known to be there. */
export interface FileProgress {
  readonly bytes: number
  /** nothing will follow */
  readonly isComplete: boolean
  /** how many stand in the file, where the rest is fed; undefined when all of them do */
  readonly fileBytes?: number
}

/**
 * Reads a file that somebody else is still writing, as far as it is told that it may, and then what
 * it is fed: the bytes the disk did not take.
 */
export class GrowingFile {
  readonly #path: string
  #descriptor: number | undefined
  #fed: Uint8Array = new Uint8Array()
  readonly #onHungry: () => void
  #progress: FileProgress
  #position = 0
  #isClosed = false
  #wake = () => {}

  /**
   * @param onHungry called once each time all the known bytes are read and more are wanted
   */
  constructor(path: string, progress: FileProgress, onHungry: () => void) {
    this.#progress = progress
    this.#onHungry = onHungry
    this.#path = path
  }

  advance(progress: FileProgress): void {
    this.#progress = progress
    this.#wake()
  }

  /** Takes the bytes that follow; only after it was hungry. */
  feed(chunk: Uint8Array, progress: FileProgress): void {
    this.#fed = chunk
    this.advance(progress)
  }

  /** Closes the descriptor; a read that waits, and every later one, fails. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#wake()
  }

  /** @throws AppError CHECK_FAILED */
  throwIfClosed(): void {
    if (this.#isClosed) throw cancelled()
  }

  /**
   * Reads the next bytes, at most 256 KiB, and lets the event loop turn before.
   *
   * @returns how many were read into the start of `into`; 0 at the end of the complete file
   * @throws AppError DISK when the file cannot be read, or holds less than it was said to
   * @throws AppError CHECK_FAILED when it was closed
   */
  async read(into: Uint8Array): Promise<number> {
    await setImmediate()
    while (this.#known() === 0 && !this.#isClosed) {
      if (this.#progress.isComplete && this.#position >= this.#progress.bytes) return 0
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        this.#onHungry()
      })
    }
    this.throwIfClosed()
    const known = this.#known()
    const wanted = Math.min(into.length, readBytes, known)
    if (this.#fed.length > 0 && this.#position >= this.#inFile) return this.#takeFed(into, wanted)
    const count = onDisk(() => {
      this.#descriptor ??= openSync(this.#path, 'r')
      return readSync(this.#descriptor, into, 0, wanted, this.#position)
    })
    if (count === 0)
      throw new AppError('DISK', `a file has ${this.#position} bytes and should have ${known} more`)
    this.#position += count
    return count
  }

  get #inFile(): number {
    return this.#progress.fileBytes ?? this.#progress.bytes
  }

  /** Bytes that can be read now without waiting. */
  #known(): number {
    return Math.max(this.#inFile - this.#position, 0) || this.#fed.length
  }

  #takeFed(into: Uint8Array, wanted: number): number {
    into.set(this.#fed.subarray(0, wanted))
    this.#fed = this.#fed.subarray(wanted)
    this.#position += wanted
    return wanted
  }
}

/** The error of everything that was under way when somebody cancelled it. */
export function cancelled(): AppError {
  return new AppError('CHECK_FAILED', 'the check was cancelled')
}

function onDisk<T>(act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw new AppError('DISK', `cannot read a NAR to check it: ${messageOf(cause)}`, { cause })
  }
}
