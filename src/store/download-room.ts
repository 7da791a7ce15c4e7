import type { Reservation } from './disk-room.ts'

/** The room on the disk for one download: made while its first bytes come, and grown as they need it. */
export class DownloadRoom {
  readonly #making: Promise<Reservation | undefined>
  #reservation: Reservation | undefined
  #bytes: number

  /**
   * @param making resolves to undefined when there is no room; never rejects
   * @param bytes that are being reserved
   */
  constructor(making: Promise<Reservation | undefined>, bytes: number) {
    this.#making = making
    this.#bytes = bytes
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
    this.#reservation = await this.#making
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
}
