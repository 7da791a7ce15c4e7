import { rm } from 'node:fs/promises'
import { AppError } from '../errors.ts'
import { KiB } from '../units.ts'
import type { NarReader } from './nar-reader.ts'
import { openDescriptor, type SharedDescriptor } from './shared-descriptor.ts'

/** Bytes at the end of a file that wait for the verdict on the whole. */
export const withheldBytes = 64 * KiB

/**
 * One NAR on its way to the disk: one writer, any number of readers that follow it in its file.
 *
 * Readers never see the tail before `vouch`, so no client ever holds a complete wrong file. The
 * writer is paced by the disk, each reader by its own client; they share nothing but the file.
 */
export class Download {
  readonly path: string
  #descriptor: SharedDescriptor
  #size: number | undefined
  #written = 0
  #attempt = 0
  #state: 'running' | 'vouched' | 'failed' = 'running'
  #error: unknown
  #hasDelivered = false
  readonly #waiting = new Set<() => void>()

  private constructor(path: string, descriptor: SharedDescriptor, size: number | undefined) {
    this.path = path
    this.#descriptor = descriptor
    this.#size = size
  }

  /** @param size bytes of the whole file, where known */
  static async create(path: string, size: number | undefined): Promise<Download> {
    return new Download(path, await openFresh(path), size)
  }

  get written(): number {
    return this.#written
  }

  get size(): number | undefined {
    return this.#size
  }

  /** True when some client has had bytes of the present attempt. */
  get hasDelivered(): boolean {
    return this.#hasDelivered
  }

  /** Says how long the file will be, once an upstream has said it. */
  expect(size: number): void {
    this.#size = size
    this.#wake()
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.#descriptor.write(chunk, this.#written)
    this.#written += chunk.length
    this.#wake()
  }

  /**
   * Starts over in a new file, because the bytes so far are wrong. Readers that have had none of
   * them go over to the new file; the others fail.
   *
   * @param size bytes of the whole file, where known apart from who sent it so far
   */
  async restart(size: number | undefined): Promise<void> {
    const old = this.#descriptor
    this.#descriptor = await openFresh(this.path)
    this.#attempt += 1
    this.#hasDelivered = false
    this.#written = 0
    this.#size = size
    old.release()
    this.#wake()
  }

  /** Releases the tail: the bytes are right. */
  vouch(): void {
    this.#state = 'vouched'
    this.#size = this.#written
    this.#wake()
  }

  /** Fails every reader that wants more than it has had. */
  fail(error: unknown): void {
    if (this.#state !== 'running') return
    this.#state = 'failed'
    this.#error = error
    this.#wake()
  }

  sync(): Promise<void> {
    return this.#descriptor.sync()
  }

  /** Takes the file's name away where it was not moved: nobody finds it any more. */
  async unlink(): Promise<void> {
    await rm(this.path, { force: true })
  }

  /** Ends the writer's hold on the file; readers keep theirs. No reader may be opened after this. */
  release(): void {
    this.#descriptor.release()
  }

  open(): NarReader {
    const download = this
    let attempt = this.#attempt
    let descriptor = this.#descriptor
    let hasHadBytes = false
    let closed = false
    descriptor.retain()

    const follow = () => {
      if (attempt === download.#attempt) return
      if (hasHadBytes)
        throw new AppError('CORRUPT', 'the bytes sent so far turned out not to match their hash')
      descriptor.release()
      attempt = download.#attempt
      descriptor = download.#descriptor
      descriptor.retain()
    }

    return {
      get size() {
        return download.#size
      },
      async read(buffer, position) {
        for (;;) {
          if (closed) throw new AppError('CLIENT_GONE', 'the client went away')
          follow()
          if (download.#state === 'failed') throw download.#error
          const available = download.#readable() - position
          if (available > 0) {
            const length = Math.min(buffer.length, available)
            const bytes = await descriptor.read(buffer, position, length)
            if (attempt !== download.#attempt) continue
            hasHadBytes = true
            download.#hasDelivered = true
            return bytes
          }
          if (download.#state === 'vouched') return 0
          await download.#change()
        }
      },
      close() {
        if (closed) return
        closed = true
        descriptor.release()
        download.#wake()
      },
    }
  }

  #readable(): number {
    if (this.#state === 'vouched') return this.#written
    const end = this.#size ?? this.#written
    return Math.min(this.#written, end - withheldBytes)
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) resume()
  }
}

async function openFresh(path: string): Promise<SharedDescriptor> {
  await rm(path, { force: true })
  return openDescriptor(path, 'wx+')
}
