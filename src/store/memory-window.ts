/** The newest bytes of a stream, by their position in it; the oldest go when nobody needs them. */
export class MemoryWindow {
  #chunks: Uint8Array[] = []
  #start: number
  #end: number

  /** @param start position of the first byte to come */
  constructor(start: number) {
    this.#start = start
    this.#end = start
  }

  /** Position of the first byte still here. */
  get start(): number {
    return this.#start
  }

  get bytes(): number {
    return this.#end - this.#start
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#end += chunk.length
  }

  /** @returns bytes put into the start of `into`; `position` must not lie before `start` */
  read(into: Uint8Array, position: number): number {
    let at = this.#start
    let done = 0
    for (const chunk of this.#chunks) {
      const from = position + done - at
      at += chunk.length
      if (from >= chunk.length) continue
      const piece = chunk.subarray(from, from + into.length - done)
      into.set(piece, done)
      done += piece.length
      if (done === into.length) break
    }
    return done
  }

  dropOldest(): void {
    this.#start += this.#chunks.shift()?.length ?? 0
  }

  /** Lets go of whole chunks that end at or before `position`. */
  dropBefore(position: number): void {
    let gone = 0
    for (const { length } of this.#chunks) {
      if (this.#start + length > position) break
      this.#start += length
      gone += 1
    }
    if (gone > 0) this.#chunks = this.#chunks.slice(gone)
  }
}
