import { AppError } from '../errors.ts'
import { maxTargetBytes, narMagic, paddingOf } from './nar-frames.ts'

/** A word that says what follows, such as "entry"; the magic is the longest. */
export const maxKeywordBytes = narMagic.length

/**
 * Takes a NAR's words and contents out of pieces of any size; it knows nothing of their order.
 *
 * Each method takes what it names, or returns undefined when the piece ends before: then ask again
 * after the next feed(). What it returns is good until the next call.
 *
 * @throws AppError BAD_NAR from every method
 */
export class NarWords {
  #chunk: Uint8Array = new Uint8Array()
  #position = 0
  #offset = 0
  /** The start of a word whose rest is in the next piece. */
  readonly #partial = new Uint8Array(maxTargetBytes + 8)
  #partialBytes = 0
  /** Bytes of the word that comes next; undefined while its length is still to be read. */
  #wordBytes: number | undefined

  /** Bytes taken so far, since the start of the NAR. */
  get offset(): number {
    return this.#offset
  }

  /** True when there is nothing left of the piece. */
  get drained(): boolean {
    return this.#position === this.#chunk.length
  }

  /** Gives it the next piece, once the one before is drained. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#position = 0
  }

  /** @param maxBytes no more than maxTargetBytes */
  word(maxBytes: number): Uint8Array | undefined {
    this.#wordBytes ??= this.u64()
    const length = this.#wordBytes
    if (length === undefined) return undefined
    if (length > maxBytes) throw badNar(`a word of ${length} bytes stands where none can`)
    const padded = this.#take(length + paddingOf(length))
    if (!padded) return undefined
    this.#wordBytes = undefined
    requireZeros(padded.subarray(length))
    return padded.subarray(0, length)
  }

  u64(): number | undefined {
    const bytes = this.#take(8)
    if (!bytes) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
    const value = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true)
    if (!Number.isSafeInteger(value)) throw badNar('it states an absurd length')
    return value
  }

  /** As much of the contents as the piece has: at least one byte. */
  contents(maxBytes: number): Uint8Array | undefined {
    const found = this.#chunk.subarray(this.#position, this.#position + maxBytes)
    this.#position += found.length
    this.#offset += found.length
    return found.length > 0 ? found : undefined
  }

  /** The zeros after `size` bytes of contents. */
  padding(size: number): true | undefined {
    const zeros = this.#take(paddingOf(size))
    if (!zeros) return undefined
    requireZeros(zeros)
    return true
  }

  #take(count: number): Uint8Array | undefined {
    const wanted = count - this.#partialBytes
    const found = this.#chunk.subarray(this.#position, this.#position + wanted)
    this.#position += found.length
    this.#offset += found.length
    if (found.length === count) return found
    this.#partial.set(found, this.#partialBytes)
    this.#partialBytes += found.length
    if (found.length < wanted) return undefined
    this.#partialBytes = 0
    return this.#partial.subarray(0, count)
  }
}

export function badNar(reason: string): AppError {
  return new AppError('BAD_NAR', `the NAR is damaged: ${reason}`)
}

function requireZeros(bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) throw badNar('its padding is not zero')
}
