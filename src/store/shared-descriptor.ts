import { close, fdatasync, fstat, open, read, type Stats, write } from 'node:fs'
import { rm, stat } from 'node:fs/promises'

/**
 * A file descriptor that closes once its last holder has let go and its last operation has ended:
 * closing under a running read could hand its number, and so another file's bytes, to that read.
 */
export class SharedDescriptor {
  readonly #fd: number
  #holders = 1
  #running = 0

  constructor(fd: number) {
    this.#fd = fd
  }

  retain(): void {
    if (this.#holders === 0) throw new Error('a closed file descriptor cannot be held')
    this.#holders += 1
  }

  release(): void {
    if (this.#holders === 0) return
    this.#holders -= 1
    this.#closeWhenFree()
  }

  /** @returns bytes read, 0 at the end of the file */
  read(buffer: Uint8Array, position: number, length: number): Promise<number> {
    return this.#run((done) => read(this.#fd, buffer, 0, length, position, done))
  }

  /** Writes all of `chunk`. */
  async write(chunk: Uint8Array, position: number): Promise<void> {
    let done = 0
    while (done < chunk.length) {
      const from = done
      done += await this.#run<number>((callback) =>
        write(this.#fd, chunk, from, chunk.length - from, position + from, callback),
      )
    }
  }

  /** Puts the bytes on the disk itself. A failure here is final: the kernel has dropped them. */
  async sync(): Promise<void> {
    await this.#run<void>((done) => fdatasync(this.#fd, done))
  }

  /** @returns bytes; undefined for a directory and other things that are no file */
  async size(): Promise<number | undefined> {
    const stats = await this.#stats()
    return stats.isFile() ? stats.size : undefined
  }

  /** True while this path leads to the file; false also when nobody can say. */
  async isAt(path: string): Promise<boolean> {
    // Its number may be another file's by now.
    if (this.#holders === 0) return false
    try {
      const [own, there] = await Promise.all([this.#stats(), stat(path)])
      return own.ino === there.ino && own.dev === there.dev
    } catch {
      return false
    }
  }

  #stats(): Promise<Stats> {
    return this.#run((done) => fstat(this.#fd, done))
  }

  #run<T>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
    this.#running += 1
    return new Promise((resolve, reject) => {
      start((error, value) => {
        this.#running -= 1
        this.#closeWhenFree()
        if (error) reject(error)
        else resolve(value as T)
      })
    })
  }

  #closeWhenFree(): void {
    if (this.#holders === 0 && this.#running === 0) close(this.#fd, ignore)
  }
}

/** A network filesystem may report at the close what a sync has said already; nobody waits for it. */
function ignore(): void {}

/** @throws the system's error */
export function openDescriptor(path: string, flags: 'r' | 'r+' | 'wx+'): Promise<SharedDescriptor> {
  return new Promise((resolve, reject) => {
    open(path, flags, 0o644, (error, fd) => {
      if (error) reject(error)
      else resolve(new SharedDescriptor(fd))
    })
  })
}

/**
 * Makes a file.
 *
 * @returns undefined when there is one already
 * @throws the system's error
 */
export async function openNew(path: string): Promise<SharedDescriptor | undefined> {
  try {
    return await openDescriptor(path, 'wx+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

/**
 * Makes a file in the place of whatever is there; who holds that keeps it.
 *
 * @throws the system's error
 */
export async function openFresh(path: string): Promise<SharedDescriptor> {
  const opened = await openNew(path)
  if (opened) return opened
  await rm(path, { force: true })
  return openDescriptor(path, 'wx+')
}
