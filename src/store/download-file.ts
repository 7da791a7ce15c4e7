import { openDescriptor, openFresh, openNew, type SharedDescriptor } from './shared-descriptor.ts'

/** Where bytes that are read go. */
export interface ReadTarget {
  readonly buffer: Buffer
  readonly position: number
  readonly length: number
}

/** A file that one download is written to, and that its readers hold while they need it. */
export class DownloadFile {
  readonly #descriptor: SharedDescriptor
  #bytes: number

  private constructor(descriptor: SharedDescriptor, bytes: number) {
    this.#descriptor = descriptor
    this.#bytes = bytes
  }

  /**
   * Makes it anew, in the place of whatever is there.
   *
   * @throws the system's error
   */
  static async create(path: string): Promise<DownloadFile> {
    return new DownloadFile(await openFresh(path), 0)
  }

  /**
   * Opens what an earlier download left, unless it is longer than it may be.
   *
   * @param size bytes of the whole file, where known
   * @throws the system's error
   */
  static async resume(path: string, size: number | undefined): Promise<DownloadFile> {
    // Nearly always there is nothing to go on with.
    const fresh = await openNew(path)
    if (fresh) return new DownloadFile(fresh, 0)
    const descriptor = await openDescriptor(path, 'r+').catch(() => undefined)
    if (!descriptor) return DownloadFile.create(path)
    const kept = (await descriptor.size()) ?? 0
    if (size === undefined || kept <= size) return new DownloadFile(descriptor, kept)
    descriptor.release()
    return DownloadFile.create(path)
  }

  /** What is in it. */
  get bytes(): number {
    return this.#bytes
  }

  /** @throws the system's error; what was there before still is */
  async append(chunk: Uint8Array): Promise<void> {
    await this.#descriptor.write(chunk, this.#bytes)
    this.#bytes += chunk.length
  }

  /** @returns bytes read */
  read({ buffer, position, length }: ReadTarget): Promise<number> {
    return this.#descriptor.read(buffer, position, Math.min(length, this.#bytes - position))
  }

  /** @throws the system's error; the file is not to be trusted then */
  sync(): Promise<void> {
    return this.#descriptor.sync()
  }

  isAt(path: string): Promise<boolean> {
    return this.#descriptor.isAt(path)
  }

  retain(): void {
    this.#descriptor.retain()
  }

  release(): void {
    this.#descriptor.release()
  }
}
