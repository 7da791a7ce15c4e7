import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { MiB } from '../units.ts'

const writeAsync = promisify(write)
/** What may wait for a reader or a disk; more is lost, and counted. */
const maxWaitingBytes = MiB
const retryFullAfterMs = 100

/** Where the lines of a log go. It never blocks, never throws and holds at most 1 MiB. */
export interface LogOutput {
  /** @param line ends with a newline */
  write(line: string): void
  /** Waits until everything is written, or for as long as it may. */
  flush(maxMs: number): Promise<void>
  /** Writes what it can before a process that must not go on ends. */
  flushNow(): void
}

/** A standard stream as the process has it. */
export type StandardStream = NodeJS.WriteStream & { readonly fd: number }

/**
 * Writes to a standard stream whatever that is: a pipe nobody reads, a terminal that stands still, a
 * file on a full disk.
 *
 * @param describeLoss makes the line that stands where others were lost
 */
export function openLogOutput(
  stream: StandardStream,
  describeLoss: (lines: number) => string,
): LogOutput {
  const stats = fstatSync(stream.fd)
  return stats.isFIFO() || stats.isSocket()
    ? pipeOutput(stream, describeLoss)
    : new FileOutput(stats.isFile() ? stream.fd : reopen(stream.fd), describeLoss)
}

/** Node writes to pipes and sockets without blocking, but keeps what they do not take for ever. */
function pipeOutput(stream: StandardStream, describeLoss: (lines: number) => string): LogOutput {
  let lost = 0
  // A reader that left: there is nobody to tell.
  stream.on('error', () => undefined)
  return {
    write(line) {
      if (stream.writableLength + line.length > maxWaitingBytes) lost += 1
      else {
        stream.write(lost > 0 ? describeLoss(lost) + line : line)
        lost = 0
      }
    },
    async flush(maxMs) {
      const signal = AbortSignal.timeout(maxMs)
      while (stream.writableLength > 0 && !signal.aborted) await delay(10)
    },
    flushNow: () => undefined,
  }
}

/** A terminal is opened once more, not to block for those who share it. */
function reopen(fd: number): number {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY
  try {
    return openSync(`/proc/self/fd/${fd}`, flags)
  } catch {
    return fd
  }
}

class FileOutput implements LogOutput {
  readonly #fd: number
  readonly #describeLoss: (lines: number) => string
  #waiting = ''
  #waitingLines = 0
  #lost = 0
  #writing: Promise<void> | undefined

  constructor(fd: number, describeLoss: (lines: number) => string) {
    this.#fd = fd
    this.#describeLoss = describeLoss
  }

  write(line: string): void {
    if (this.#waiting.length + line.length > maxWaitingBytes) {
      this.#lost += 1
      return
    }
    this.#waiting += line
    this.#waitingLines += 1
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async flush(maxMs: number): Promise<void> {
    await Promise.race([this.#writing, delay(maxMs, undefined, { ref: false })])
  }

  flushNow(): void {
    try {
      writeSync(this.#fd, this.#waiting)
    } catch {
      // The process ends for a reason of its own.
    }
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting !== '') {
      const lines = this.#waitingLines + this.#lost
      const note = this.#lost > 0 ? this.#describeLoss(this.#lost) : ''
      const bytes = Buffer.from(note + this.#waiting)
      this.#waiting = ''
      this.#waitingLines = 0
      this.#lost = 0
      if (!(await this.#writeWhole(bytes))) this.#lost += lines
    }
  }

  /** @returns false when the file does not take it: a full disk, a terminal that is gone */
  async #writeWhole(bytes: Buffer): Promise<boolean> {
    let done = 0
    while (done < bytes.length) {
      try {
        done += (await writeAsync(this.#fd, bytes, done)).bytesWritten
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false
        await delay(retryFullAfterMs, undefined, { ref: false })
      }
    }
    return true
  }
}
