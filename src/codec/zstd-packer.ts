import { constants, createZstdCompress } from 'node:zlib'
import { AppError } from '../errors.ts'
import { KiB } from '../units.ts'
import { ZlibStream } from './zlib-stream.ts'

const chunkSize = 128 * KiB
const slabBytes = 256 * KiB

/**
 * Packs bytes into one zstd frame with a checksum and the size of its content. One frame, because
 * some decoders stop after the first; no level up to 19 takes a window over 8 MiB, which the
 * smallest clients have room for.
 *
 * The frame depends on the bytes and the level alone, not on the pieces they come in: zstd gets
 * them in slabs of one size, since it promises the same output only for the same calls. Another
 * release of zstd may write other bytes.
 */
export class ZstdPacker {
  readonly #stream: ZlibStream
  readonly #slab = new Uint8Array(slabBytes)
  #held = 0

  /**
   * @param level of zstd, 1 to 19
   * @param size how many bytes will be packed, exactly
   */
  constructor(level: number, size: number) {
    const params = {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: 1,
    }
    const transform = createZstdCompress({ chunkSize, params, pledgedSrcSize: size })
    this.#stream = new ZlibStream(
      transform,
      (reason) => new AppError('CHECK_FAILED', `cannot pack a NAR: ${reason}`),
    )
  }

  /**
   * Takes the next bytes, which may change once the generator is done.
   *
   * @returns pieces of at most 128 KiB
   * @throws AppError CHECK_FAILED when zstd gets no memory
   */
  async *pack(piece: Uint8Array): AsyncGenerator<Uint8Array, void> {
    let rest = piece
    while (rest.length > 0) {
      const taken = rest.subarray(0, slabBytes - this.#held)
      this.#slab.set(taken, this.#held)
      this.#held += taken.length
      rest = rest.subarray(taken.length)
      if (this.#held === slabBytes) yield* this.#packSlab()
    }
  }

  /**
   * Ends the frame.
   *
   * @throws AppError CHECK_FAILED when it got another number of bytes than was said
   */
  async *finish(): AsyncGenerator<Uint8Array, void> {
    if (this.#held > 0) yield* this.#packSlab()
    yield* this.#stream.finish()
  }

  /** Frees zstd's memory. Idempotent. */
  destroy(): void {
    this.#stream.destroy()
  }

  async *#packSlab(): AsyncGenerator<Uint8Array, void> {
    const slab = this.#slab.subarray(0, this.#held)
    this.#held = 0
    yield* this.#stream.give(slab)
  }
}
