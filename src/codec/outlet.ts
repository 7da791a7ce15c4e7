import { KiB } from '../units.ts'
import { cancelled } from './growing-file.ts'

/** What may be under way to the main thread, or wait there to be taken; of each job. */
export const maxInFlightBytes = 512 * KiB

/** Hands packed bytes to the main thread, and waits while that holds as many as it may. */
export class Outlet {
  readonly #post: (chunk: Uint8Array<ArrayBuffer>) => void
  #inFlightBytes = 0
  #isClosed = false
  #wake = () => {}

  /** @param post sends a chunk, whose memory it may give away */
  constructor(post: (chunk: Uint8Array<ArrayBuffer>) => void) {
    this.#post = post
  }

  /**
   * @param piece is copied
   * @throws AppError CHECK_FAILED when closed
   */
  async send(piece: Uint8Array): Promise<void> {
    const isFull = () => this.#inFlightBytes + piece.length > maxInFlightBytes
    while (!this.#isClosed && this.#inFlightBytes > 0 && isFull())
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    if (this.#isClosed) throw cancelled()
    this.#inFlightBytes += piece.length
    this.#post(new Uint8Array(piece))
  }

  /** The main thread has passed so many bytes on. */
  taken(bytes: number): void {
    this.#inFlightBytes -= bytes
    this.#wake()
  }

  /** Fails a send that waits, and every later one. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#wake()
  }
}
