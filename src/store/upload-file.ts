import { createHash, type Hash as Hasher } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import type { Hash } from '../nix/hash.ts'

/** A file in `tmp/` that takes what somebody pushes, and hashes it. */
export class UploadFile {
  readonly path: string
  readonly #handle: FileHandle
  readonly #hasher: Hasher = createHash('sha256')
  #bytes = 0
  #isOpen = true

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  /** @throws the system's error */
  static async create(path: string): Promise<UploadFile> {
    return new UploadFile(path, await open(path, 'wx'))
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @throws the system's error; what is there is of no use then */
  async append(chunk: Uint8Array): Promise<void> {
    let rest = chunk
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.write(rest, 0, rest.length, this.#bytes)
      this.#bytes += bytesWritten
      rest = rest.subarray(bytesWritten)
    }
    this.#hasher.update(chunk)
  }

  /** Ends the file. */
  async finish(): Promise<Hash> {
    await this.#close()
    return { algorithm: 'sha256', digest: this.#hasher.digest() }
  }

  /** Deletes the file of an upload, where it still is. */
  static async remove(path: string): Promise<void> {
    await rm(path, { force: true })
  }

  /** Leaves nothing of it. Idempotent. */
  async discard(): Promise<void> {
    await this.#close().catch(() => undefined)
    await rm(this.path, { force: true })
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#handle.close()
  }
}
