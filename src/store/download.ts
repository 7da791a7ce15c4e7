import { rm } from 'node:fs/promises'
import { AppError } from '../errors.ts'
import { KiB, MiB } from '../units.ts'
import { Changes } from './changes.ts'
import { DownloadFile, type ReadTarget } from './download-file.ts'
import type { DownloadRoom } from './download-room.ts'
import { MemoryWindow } from './memory-window.ts'
import type { NarReader } from './nar-reader.ts'

/** Bytes at the end of a file that wait for the verdict on the whole. */
export const withheldBytes = 64 * KiB

/** Bytes of one download held in memory when the disk does not take them; more than the tail. */
export const windowBytes = 2 * MiB

/** How long a slow reader may hold up the others of a download that passes through memory. */
const patienceMs = 2000

/**
 * One NAR on its way to the disk: one writer, any number of readers that follow it in its file.
 *
 * Readers never see the tail before `vouch`, so no client ever holds a complete wrong file. The
 * writer is paced by the disk, each reader by its own client; they share nothing but the file.
 *
 * Where the disk does not take the bytes, from the first one or from some later one on, they pass
 * through a window in memory instead. Then readers pace the writer, and the file cannot be kept. A
 * reader that makes others wait for long is left behind: it must go on with a download of its own.
 */
export class Download {
  readonly path: string
  /** undefined where it was in memory from the first byte on. */
  #file: DownloadFile | undefined
  /** What is not in the file and never will be: all from its first byte on. */
  #memory: MemoryWindow | undefined
  /** What came last, for readers that wait for it: it may not be in the file yet. */
  #recent: MemoryWindow | undefined
  #room: DownloadRoom | undefined
  #onDiskFault: (error: unknown) => void = () => {}
  #size: number | undefined
  #written = 0
  #attempt = 0
  #state: 'running' | 'vouched' | 'failed' = 'running'
  #error: unknown
  #hasDelivered = false
  readonly #changes = new Changes()
  /** Where each reader is, for the window. */
  readonly #readers = new Set<ReaderPlace>()
  #hadReaders = false

  private constructor(path: string, file: DownloadFile | undefined, size: number | undefined) {
    this.path = path
    this.#file = file
    this.#size = size
    this.#written = file?.bytes ?? 0
    if (!file) this.#memory = new MemoryWindow(0)
  }

  /** @param size bytes of the whole file, where known */
  static async create(path: string, size: number | undefined): Promise<Download> {
    return new Download(path, await DownloadFile.create(path), size)
  }

  /** Goes on with what an earlier download left in the file; its bytes are not yet checked. */
  static async resume(path: string, size: number | undefined): Promise<Download> {
    return new Download(path, await DownloadFile.resume(path, size), size)
  }

  /** One that never touches the disk. */
  static inMemory(path: string, size: number | undefined): Download {
    return new Download(path, undefined, size)
  }

  /** True when the file holds all bytes so far, or will in a moment. */
  get isOnDisk(): boolean {
    return this.#memory === undefined
  }

  /** True when all bytes so far are in the file and there is room for it: waits until that is certain. */
  async canBeKept(): Promise<boolean> {
    return this.isOnDisk && (await this.#hasRoom())
  }

  /** True while a reader may begin anywhere: nothing has passed through the window for good. */
  get isJoinable(): boolean {
    return this.#memory === undefined || this.#memory.start === this.#fileBytes
  }

  /**
   * Writes nothing to the disk before there is room for it, for which readers need not wait. What
   * goes beyond passes through memory.
   */
  keepWithin(room: DownloadRoom): void {
    this.#room = room
  }

  /** Says whom to tell when the disk does not take the bytes. */
  onDiskFault(listener: (error: unknown) => void): void {
    this.#onDiskFault = listener
  }

  get written(): number {
    return this.#written
  }

  get size(): number | undefined {
    return this.#size
  }

  /** Readers that are open. */
  get readers(): number {
    return this.#readers.size
  }

  /** True when some client has had bytes of the present attempt. */
  get hasDelivered(): boolean {
    return this.#hasDelivered
  }

  /** Says how long the file will be, once an upstream has said it. */
  expect(size: number): void {
    this.#size = size
    this.#changes.tell()
  }

  /**
   * Takes the next bytes. `chunk` must not change afterwards.
   *
   * @throws AppError CLIENT_GONE when they pass through memory and all readers have left
   */
  async append(chunk: Uint8Array): Promise<void> {
    if (this.#memory) {
      await this.#pushTo(this.#memory, chunk)
      this.#note(chunk)
      return
    }
    // Readers have it at once; the writer waits for the disk.
    this.#remember(chunk)
    this.#note(chunk)
    await this.#writeFile(chunk)
  }

  /**
   * Takes the next bytes, whose memory may be used again once it is done: readers have them from the
   * file, and no sooner.
   *
   * @throws AppError CLIENT_GONE as append does
   */
  async appendLent(chunk: Uint8Array): Promise<void> {
    if (this.#memory) return this.append(new Uint8Array(chunk))
    this.#recent = undefined
    await this.#writeFile(chunk, () => new Uint8Array(chunk))
    this.#note(chunk)
  }

  /** Reads bytes already taken, for whoever checks them. @returns bytes read */
  readBack(buffer: Buffer, position: number): Promise<number> {
    const length = Math.min(buffer.length, this.#written - position)
    return this.#readFile(this.#file, { buffer, position, length })
  }

  /**
   * Starts over in a new file, because the bytes so far are wrong. Readers that have had none of
   * them go over to the new file; the others fail.
   *
   * @param size bytes of the whole file, where known apart from who sent it so far
   */
  async restart(size: number | undefined): Promise<void> {
    const old = this.#file
    this.#file = this.#memory ? undefined : await this.#tryFresh()
    this.#attempt += 1
    this.#hasDelivered = false
    this.#written = 0
    this.#memory = this.#file ? undefined : new MemoryWindow(0)
    this.#recent = undefined
    this.#size = size
    old?.release()
    this.#changes.tell()
  }

  /** Releases the tail: the bytes are right. */
  vouch(): void {
    this.#state = 'vouched'
    this.#size = this.#written
    this.#changes.tell()
  }

  /** Fails every reader that wants more than it has had. */
  fail(error: unknown): void {
    if (this.#state !== 'running') return
    this.#state = 'failed'
    this.#error = error
    this.#changes.tell()
  }

  /** @throws the system's error; the file is not to be trusted then */
  async sync(): Promise<void> {
    if (!this.#file || this.#memory) throw new AppError('DISK', `${this.path} is not whole`)
    await this.#file.sync()
  }

  /** Takes the file's name away where it was not moved: nobody finds it any more. */
  async unlink(): Promise<void> {
    if (!this.#file) return
    // Where the disk does not let it, the name is cleared away at the next start.
    await rm(this.path, { force: true }).catch((error: unknown) => this.#onDiskFault(error))
  }

  /** Ends the writer's hold on the file; readers keep theirs. No reader may be opened after this. */
  release(): void {
    this.#file?.release()
  }

  open(): NarReader {
    const download = this
    let attempt = this.#attempt
    let file = this.#file
    let hasHadBytes = false
    let closed = false
    const place: ReaderPlace = { position: 0, isWaiting: false }
    file?.retain()
    this.#readers.add(place)
    this.#hadReaders = true

    const follow = () => {
      if (attempt === download.#attempt) return
      if (hasHadBytes)
        throw new AppError('CORRUPT', 'the bytes sent so far turned out not to match their hash')
      file?.release()
      attempt = download.#attempt
      file = download.#file
      file?.retain()
    }

    return {
      get size() {
        return download.#size
      },
      async read(buffer, position) {
        download.#moveTo(place, position)
        for (;;) {
          if (closed) throw new AppError('CLIENT_GONE', 'the client went away')
          follow()
          if (download.#state === 'failed') throw download.#error
          const available = download.#readable() - position
          if (available > 0) {
            const length = Math.min(buffer.length, available)
            const into = { buffer, position, length }
            const bytes = download.#readMemory(into) ?? (await download.#readFile(file, into))
            if (attempt !== download.#attempt) continue
            hasHadBytes = true
            download.#hasDelivered = true
            return bytes
          }
          if (download.#state === 'vouched') return 0
          place.isWaiting = true
          await download.#changes.next()
          place.isWaiting = false
        }
      },
      close() {
        if (closed) return
        closed = true
        file?.release()
        download.#readers.delete(place)
        download.#trim()
        download.#changes.tell()
      },
      isAt: async (path) => (await file?.isAt(path)) ?? false,
    }
  }

  #note(chunk: Uint8Array): void {
    this.#written += chunk.length
    this.#changes.tell()
  }

  /**
   * Writes what came last to the file, or turns to memory where the disk does not let it.
   *
   * @param keep what stays in memory then
   */
  async #writeFile(chunk: Uint8Array, keep = () => chunk): Promise<void> {
    try {
      const end = this.#fileBytes + chunk.length
      const isRoom = this.#room?.has(end) ?? true
      if (isRoom || (await this.#hasRoom(end))) {
        await this.#file?.append(chunk)
        return
      }
    } catch (error) {
      this.#onDiskFault(error)
    }
    this.#memory = new MemoryWindow(this.#fileBytes)
    this.#memory.push(keep())
  }

  async #hasRoom(bytes = this.#written): Promise<boolean> {
    return (await this.#room?.make(bytes, this.#size)) ?? true
  }

  get #fileBytes(): number {
    return this.#file?.bytes ?? 0
  }

  async #pushTo(memory: MemoryWindow, chunk: Uint8Array): Promise<void> {
    // A reader may wait far ahead, for the middle of the file.
    this.#trim()
    while (memory.bytes > 0 && memory.bytes + chunk.length > windowBytes) {
      if (this.#state === 'failed') throw this.#error
      if (this.#readers.size === 0 && this.#hadReaders)
        throw new AppError('CLIENT_GONE', 'nobody is left to pass it on to')
      if (!(await this.#changes.nextWithin(patienceMs)) && this.#isSomeoneWaiting())
        memory.dropOldest()
      this.#trim()
    }
    memory.push(chunk)
  }

  /** As much as the tail that is withheld: most NARs are no longer. */
  #remember(chunk: Uint8Array): void {
    this.#recent ??= new MemoryWindow(this.#written)
    this.#recent.push(chunk)
    this.#recent.dropBefore(this.#written + chunk.length - withheldBytes)
  }

  async #tryFresh(): Promise<DownloadFile | undefined> {
    try {
      return await DownloadFile.create(this.path)
    } catch (error) {
      this.#onDiskFault(error)
      return undefined
    }
  }

  /** @returns undefined when the bytes must be read from the file */
  #readMemory({ buffer, position, length }: ReadTarget): number | undefined {
    const into = buffer.subarray(0, length)
    if (this.#memory && position >= this.#fileBytes) {
      if (position >= this.#memory.start) return this.#memory.read(into, position)
      throw new AppError('PASSED_ON', 'these bytes were passed on without being kept')
    }
    if (!this.#recent || position < this.#recent.start) return undefined
    return this.#recent.read(into, position)
  }

  async #readFile(file: DownloadFile | undefined, into: ReadTarget): Promise<number> {
    return (await file?.read(into)) ?? 0
  }

  #moveTo(place: ReaderPlace, position: number): void {
    place.position = position
    if (this.#memory) {
      this.#trim()
      this.#changes.tell()
    }
  }

  /** Lets go of what the slowest reader has had that was not left behind. */
  #trim(): void {
    if (!this.#memory) return
    let slowest = Number.POSITIVE_INFINITY
    for (const { position } of this.#readers)
      if (position >= this.#memory.start || position < this.#fileBytes)
        slowest = Math.min(slowest, position)
    if (slowest < Number.POSITIVE_INFINITY) this.#memory.dropBefore(slowest)
  }

  #isSomeoneWaiting(): boolean {
    for (const { isWaiting } of this.#readers) if (isWaiting) return true
    return false
  }

  #readable(): number {
    if (this.#state === 'vouched') return this.#written
    const end = this.#size ?? this.#written
    return Math.min(this.#written, end - withheldBytes)
  }
}

interface ReaderPlace {
  position: number
  /** True while it has had all there is. */
  isWaiting: boolean
}
