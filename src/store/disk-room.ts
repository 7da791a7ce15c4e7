import { rm, statfs } from 'node:fs/promises'
import { bytesToEvict } from '../policy/room.ts'
import type { Log } from '../telemetry.ts'
import { type Amount, formatSize, resolveAmount } from '../units.ts'
import type { Layout } from './layout.ts'
import type { SqliteIndex } from './sqlite-index.ts'

const victimsPerBatch = 32

export interface RoomOptions {
  readonly layout: Layout
  readonly index: SqliteIndex
  readonly maxSize: Amount
  readonly minFree: Amount
  readonly log: Log
}

/** A promise of disk space to one download. */
export interface Reservation {
  /** Ends the promise; `keptBytes` of it became a file. Idempotent. */
  settle(keptBytes: number): void
}

/**
 * Keeps the NARs within the limit and the filesystem above its floor: space is reserved before it
 * is written, and made by evicting what was read longest ago.
 */
export class DiskRoom {
  readonly #options: RoomOptions
  /** Reads not yet in the index: a write per read would cost more than it tells. */
  readonly #readAt = new Map<string, number>()
  #usedBytes: number
  #reservedBytes = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: RoomOptions) {
    this.#options = options
    this.#usedBytes = options.index.totalBytes()
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Notes that a file was read, at `now` in milliseconds since 1970. */
  touch(file: string, now: number): void {
    this.#readAt.set(file, now)
  }

  /** Counts files that were there already. */
  count(bytes: number): void {
    this.#usedBytes += bytes
  }

  flush(): void {
    if (this.#readAt.size === 0) return
    this.#options.index.touch(this.#readAt)
    this.#readAt.clear()
  }

  /**
   * Makes room and promises it.
   *
   * @returns undefined when no eviction can make enough room
   */
  reserve(bytes: number): Promise<Reservation | undefined> {
    const turn = this.#turn.then(() => this.#reserve(bytes))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #reserve(bytes: number): Promise<Reservation | undefined> {
    const { layout, maxSize, minFree } = this.#options
    const { bsize, blocks, bavail } = await statfs(layout.root)
    const needed = bytesToEvict({
      usedBytes: this.#usedBytes,
      reservedBytes: this.#reservedBytes,
      incomingBytes: bytes,
      maxBytes: resolveAmount(maxSize, bsize * blocks),
      freeBytes: bsize * bavail,
      minFreeBytes: resolveAmount(minFree, bsize * blocks),
    })
    if (needed === undefined) return undefined
    if (needed > 0) await this.#evict(needed)
    this.#reservedBytes += bytes
    let isOpen = true
    return {
      settle: (keptBytes) => {
        if (!isOpen) return
        isOpen = false
        this.#reservedBytes -= bytes
        this.#usedBytes += keptBytes
      },
    }
  }

  async #evict(neededBytes: number): Promise<void> {
    this.flush()
    let freed = 0
    let files = 0
    while (freed < neededBytes) {
      const victims = this.#options.index.oldestNars(victimsPerBatch)
      if (victims.length === 0) break
      for (const victim of victims) {
        if (freed >= neededBytes) break
        await this.remove(victim.file)
        freed += victim.bytes
        files += 1
      }
    }
    this.#options.log.info(
      { files, bytes: freed },
      `evicted ${files} NARs, ${formatSize(freed)}, to make room`,
    )
  }

  /**
   * Takes a NAR off the disk, and before it the narinfos that promise it. What they say stays in
   * the index, so that the NAR's URL can still be answered.
   */
  async remove(file: string): Promise<void> {
    const { index, layout } = this.#options
    for (const { hash } of index.narinfosOfFile(file))
      await rm(layout.narinfo(hash), { force: true })
    await rm(layout.nar(file), { force: true })
    const record = index.nar(file)
    if (record) this.#usedBytes -= record.bytes
    index.deleteNar(file)
    this.#readAt.delete(file)
  }
}
