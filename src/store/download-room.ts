import { MiB } from '../units.ts'
import type { Reservation } from './disk-room.ts'

/** What a file may be whose upstream does not say how long it is. */
const unknownBytes = 64 * MiB

/** The room on the disk for one download: made while its first bytes come, and grown as they need it. */
export class DownloadRoom {
  readonly #reserve: (bytes: number) => Promise<Reservation | undefined>
  #making: Promise<Reservation | undefined> | undefined
  #reservation: Reservation | undefined
  #bytes = 0

  /**
   * @param reserve resolves to undefined when there is no room; never rejects
   * @param bytes to be reserved now. Undefined: where nothing is known of a file, there may be none,
   *   and nothing makes room for it before its first bytes are here
   */
  constructor(
    reserve: (bytes: number) => Promise<Reservation | undefined>,
    bytes: number | undefined,
  ) {
    this.#reserve = reserve
    if (bytes !== undefined) this.#begin(bytes)
  }

  /** True when so many bytes are reserved by now. */
  has(bytes: number): boolean {
    return this.#reservation !== undefined && bytes <= this.#bytes
  }

  /**
   * Waits for the room, and asks for more where it must hold more.
   *
   * @param size of the whole file, where known
   * @returns false when there is none
   */
  async make(bytes: number, size: number | undefined): Promise<boolean> {
    this.#reservation = await (this.#making ?? this.#begin(size ?? Math.max(bytes, unknownBytes)))
    if (!this.#reservation) return false
    if (this.has(bytes)) return true
    const wanted = Math.max(bytes, size ?? 2 * this.#bytes)
    if (!(await this.#reservation.growTo(wanted))) return false
    this.#bytes = wanted
    return true
  }

  /** Gives it back: what was kept is counted as a file by now. */
  async settle(): Promise<void> {
    const reservation = await this.#making
    reservation?.settle()
  }

  #begin(bytes: number): Promise<Reservation | undefined> {
    this.#bytes = bytes
    this.#making = this.#reserve(bytes)
    return this.#making
  }
}
