import { join } from 'node:path'
import { AppError, messageOf } from '../errors.ts'
import { formatHash } from '../nix/hash.ts'
import type { NarFile } from '../policy/nar-file.ts'
import type { Disk } from '../store/disk.ts'
import type { Reservation } from '../store/disk-room.ts'
import type { PushedNar } from '../store/origin.ts'
import { Turns } from '../store/turns.ts'
import { UploadFile } from '../store/upload-file.ts'
import type { UploadCounters } from '../telemetry.ts'
import { formatSize, MiB } from '../units.ts'

/** What newer clients push before the first narinfo is a whole closure. */
const maxFiles = 10_000
const maxAgeMs = 3_600_000
const sweepEveryMs = 60_000
/** Reserved at a time where nobody says how long a NAR will be. */
const stepBytes = 64 * MiB
/** Pushed at the same time: each holds a file and a piece in memory. */
const maxAtOnce = 64
const maxInLargest = 4
/** Of `cache.max_size`, for all that wait. */
const maxShare = 1 / 4

interface Waiting extends PushedNar {
  readonly reservation: Reservation
  /** By performance.now(). */
  since: number
}

/** A NAR that may be sent now. */
export interface IncomingNar {
  /**
   * Takes its bytes, to the last.
   *
   * @throws AppError UPLOAD_REFUSED when they are not what the name says; UPLOAD_TOO_LARGE; NO_ROOM;
   *   whatever ended the body
   */
  take(body: AsyncIterable<Uint8Array>): Promise<void>
  /** Ends the promise of room where nothing was taken; without effect on what waits. Idempotent. */
  cancel(): void
}

/**
 * NARs that were pushed and wait for their narinfos: clients send a NAR first. They are bounded by
 * number, bytes and age, and a restart forgets them.
 */
export class PendingNars {
  /** One turn for each path and each NAR file that is being published. */
  readonly turns = new Turns()
  readonly #disk: Disk
  readonly #counters: UploadCounters
  readonly #waiting = new Map<string, Waiting>()
  readonly #sweeping: NodeJS.Timeout
  readonly #receiving = new Set<Promise<PushedNar>>()
  #bytes = 0
  #running = 0
  #started = 0
  #isClosed = false

  constructor(disk: Disk, counters: UploadCounters) {
    this.#disk = disk
    this.#counters = counters
    this.#sweeping = setInterval(() => void this.#sweep(), sweepEveryMs).unref()
  }

  /**
   * Makes room for a NAR before its first byte is asked for.
   *
   * @param file its name is the hash it must have
   * @param bytes as its sender says; undefined when he does not
   * @throws AppError UPLOAD_TOO_LARGE, NO_ROOM, BUSY
   */
  async expect(
    file: NarFile & { readonly shape: 'file' },
    bytes: number | undefined,
    maxBytes: number,
  ): Promise<IncomingNar> {
    requireSize(bytes ?? 0, maxBytes)
    if (this.#running >= maxAtOnce || this.#waiting.size + this.#running >= maxFiles)
      throw new AppError('BUSY', `${this.#running} NARs are being pushed, and others wait`)
    const first = bytes ?? Math.min(stepBytes, maxBytes)
    const limit = await this.#limit(maxBytes)
    // One alone may be larger: else it could never be pushed.
    const fits = (more: number, own: number) => this.#bytes === own || this.#bytes + more <= limit
    if (!fits(first, 0))
      throw new AppError('NO_ROOM', `${formatSize(this.#bytes)} of NARs wait for their narinfos`)
    this.#running += 1
    this.#bytes += first
    let held = first
    let isOver = false
    let isKept = false
    const end = () => {
      if (isOver) return
      isOver = true
      this.#running -= 1
      this.#bytes -= held
    }
    const reservation = await this.#disk.reserve(first)
    if (!reservation) {
      end()
      throw new AppError('NO_ROOM', `there is no room for ${formatSize(first)}`)
    }
    const growTo = async (wanted: number): Promise<void> => {
      requireSize(wanted, maxBytes)
      if (wanted <= held) return
      const next = Math.min(maxBytes, Math.max(wanted, held + stepBytes))
      if (!fits(next - held, held) || !(await reservation.growTo(next)))
        throw new AppError('NO_ROOM', `there is no room for ${formatSize(next)}`)
      this.#bytes += next - held
      held = next
    }
    return {
      take: async (body) => {
        try {
          const nar = await this.#tracked(this.#receive(file, body, growTo))
          end()
          reservation.written(nar.bytes)
          isKept = await this.#keep(file.name, { ...nar, reservation, since: performance.now() })
        } finally {
          end()
          if (!isKept) reservation.settle()
        }
      },
      cancel() {
        end()
        // One that waits holds its room until it is dropped.
        if (!isKept) reservation.settle()
      },
    }
  }

  /** A NAR that waits; it stays where it is until `drop`. */
  get(file: string): PushedNar | undefined {
    const waiting = this.#waiting.get(file)
    if (waiting) waiting.since = performance.now()
    return waiting
  }

  /** Forgets a NAR that has its place, or is no good. */
  async drop(file: string): Promise<void> {
    const waiting = this.#waiting.get(file)
    if (!waiting) return
    this.#waiting.delete(file)
    this.#bytes -= waiting.bytes
    this.#count(-waiting.bytes)
    try {
      // It may have been moved to its place.
      await UploadFile.remove(waiting.path)
    } catch (error) {
      this.#disk.noteFault('delete what was pushed', error)
    } finally {
      waiting.reservation.settle()
    }
  }

  /** Forgets all of them. To be called when no body can go on. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#sweeping)
    await Promise.allSettled(this.#receiving)
    for (const file of [...this.#waiting.keys()]) await this.drop(file)
  }

  async #tracked(work: Promise<PushedNar>): Promise<PushedNar> {
    this.#receiving.add(work)
    try {
      return await work
    } finally {
      this.#receiving.delete(work)
    }
  }

  async #receive(
    file: NarFile & { readonly shape: 'file' },
    body: AsyncIterable<Uint8Array>,
    growTo: (bytes: number) => Promise<void>,
  ): Promise<PushedNar> {
    const { layout } = this.#disk
    this.#started += 1
    const path = join(layout.temporary, `${file.name}.${this.#started}.upload`)
    const upload = await this.#onDisk(() => UploadFile.create(path))
    try {
      for await (const chunk of body) {
        await growTo(upload.bytes + chunk.length)
        await this.#onDisk(() => upload.append(chunk))
        this.#counters.receivedBytes += chunk.length
      }
      const hash = await this.#onDisk(() => upload.finish())
      if (formatHash(hash) !== formatHash(file.fileHash))
        throw new AppError(
          'UPLOAD_REFUSED',
          `nar/${file.name} arrived with hash ${formatHash(hash)}, ${upload.bytes} bytes`,
        )
      return { path, bytes: upload.bytes }
    } catch (error) {
      await upload.discard()
      throw error
    }
  }

  /** @returns false when the same file is waiting already */
  async #keep(file: string, nar: Waiting): Promise<boolean> {
    const before = this.#waiting.get(file)
    if (before || this.#isClosed) {
      if (before) before.since = nar.since
      await UploadFile.remove(nar.path)
      return false
    }
    this.#waiting.set(file, nar)
    this.#bytes += nar.bytes
    this.#count(nar.bytes)
    return true
  }

  /** What a disk refuses is no room for whoever pushes. */
  async #onDisk<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      this.#disk.noteFault('write what is pushed', cause)
      throw new AppError('NO_ROOM', `the disk does not take it: ${messageOf(cause)}`, { cause })
    }
  }

  async #limit(maxBytes: number): Promise<number> {
    const space = await this.#disk.space()
    return Math.min(maxInLargest * maxBytes, space.maxBytes * maxShare)
  }

  async #sweep(): Promise<void> {
    const now = performance.now()
    for (const [file, { since }] of this.#waiting)
      if (now - since > maxAgeMs)
        // Not while somebody publishes it.
        await this.turns.take(file, async () => {
          const waiting = this.#waiting.get(file)
          if (waiting && performance.now() - waiting.since > maxAgeMs) await this.drop(file)
        })
  }

  #count(bytes: number): void {
    this.#counters.pendingFiles = this.#waiting.size
    this.#counters.pendingBytes += bytes
  }
}

function requireSize(bytes: number, maxBytes: number): void {
  if (bytes > maxBytes)
    throw new AppError(
      'UPLOAD_TOO_LARGE',
      `it has ${bytes} bytes, and ${formatSize(maxBytes)} may be pushed`,
    )
}
