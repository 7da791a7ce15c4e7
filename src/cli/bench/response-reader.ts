import { KiB } from '../../units.ts'

const maxHeadBytes = 64 * KiB
const maxLineBytes = 8 * KiB

/** What the first lines of an answer say. */
export interface ResponseHead {
  readonly status: number
  readonly location: string | undefined
  /** False when the connection ends with this answer. */
  readonly keepsAlive: boolean
}

export type OnBody = (bytes: Uint8Array, start: number, end: number) => void

type Phase = 'head' | 'sized' | 'size-line' | 'chunk' | 'chunk-end' | 'trailer' | 'to-end' | 'whole'

/**
 * Finds where answers of HTTP/1.1 begin and end, and copies nothing on the way: most of a load
 * generator's time goes into this. One request at a time; what comes after the answer is a fault.
 */
export class ResponseReader {
  /** Told of every piece of a body, which is only valid during the call. */
  onBody: OnBody = () => undefined
  #head: ResponseHead | undefined
  #phase: Phase = 'head'
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0
  #pending = Buffer.alloc(0)
  #line = ''

  get head(): ResponseHead | undefined {
    return this.#head
  }

  /** False until the first byte of an answer has come. */
  get hasBegun(): boolean {
    return this.#phase !== 'head' || this.#pending.length > 0
  }

  /** Makes ready for the next answer. */
  restart(): void {
    this.#head = undefined
    this.#phase = 'head'
    this.#pending = Buffer.alloc(0)
    this.#line = ''
  }

  /**
   * Takes what has come.
   *
   * @returns true once the answer is whole
   * @throws Error when it is no answer of HTTP/1.1, or more comes than it announced
   */
  push(bytes: Uint8Array, length: number): boolean {
    let at = 0
    while (at < length) {
      if (this.#phase === 'sized' || this.#phase === 'chunk' || this.#phase === 'to-end')
        at = this.#takeBody(bytes, at, length)
      else if (this.#phase === 'head') at = this.#takeHead(bytes, at, length)
      else if (this.#phase === 'whole') throw new Error('more came than the answer announced')
      else at = this.#takeLine(bytes, at, length)
    }
    return this.#phase === 'whole'
  }

  /** @returns true when an answer that ends with its connection is whole by that */
  end(): boolean {
    if (this.#phase === 'to-end') this.#phase = 'whole'
    return this.#phase === 'whole'
  }

  #takeBody(bytes: Uint8Array, at: number, length: number): number {
    const end = this.#phase === 'to-end' ? length : Math.min(length, at + this.#left)
    this.#left -= end - at
    this.onBody(bytes, at, end)
    if (this.#left === 0 && this.#phase !== 'to-end')
      this.#phase = this.#phase === 'sized' ? 'whole' : 'chunk-end'
    return end
  }

  #takeHead(bytes: Uint8Array, at: number, length: number): number {
    const come = Buffer.from(bytes.buffer, bytes.byteOffset + at, length - at)
    const held = this.#pending.length
    const all = held === 0 ? come : Buffer.concat([this.#pending, come])
    const end = all.indexOf('\r\n\r\n')
    if (end === -1) {
      if (all.length > maxHeadBytes) throw new Error('no end of the headers within 64 KiB')
      this.#pending = Buffer.from(all)
      return length
    }
    this.#pending = Buffer.alloc(0)
    this.#begin(all.toString('latin1', 0, end + 2))
    return at + end + 4 - held
  }

  #begin(text: string): void {
    const status = Number(/^HTTP\/1\.[01] ([1-5]\d\d)/.exec(text)?.[1])
    if (Number.isNaN(status)) throw new Error('what came is no answer of HTTP/1.1')
    // 100 Continue, 103 Early Hints: the answer proper follows.
    if (status < 200) return
    const field = (name: string) =>
      new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*?)[ \\t]*\\r\\n`, 'i').exec(text)?.[1]
    const length = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i.exec(text)?.[1]
    const isChunked = length === undefined && /chunked$/i.test(field('transfer-encoding') ?? '')
    const isEmpty = status === 204 || status === 304 || length === '0'
    const isOpenEnded = !isEmpty && !isChunked && length === undefined
    const isOld = text.startsWith('HTTP/1.0')
    const isLast = /\r\nconnection:[ \t]*close/i.test(text)
    this.#head = {
      status,
      location: status >= 300 && status < 400 ? field('location') : undefined,
      keepsAlive: !isOpenEnded && !isOld && !isLast,
    }
    this.#left = Number(length ?? 0)
    if (isEmpty) this.#phase = 'whole'
    else if (isChunked) this.#phase = 'size-line'
    else this.#phase = isOpenEnded ? 'to-end' : 'sized'
  }

  /** The lines around chunks. */
  #takeLine(bytes: Uint8Array, from: number, length: number): number {
    let at = from
    while (at < length) {
      const byte = bytes[at++] as number
      if (byte !== 10) {
        this.#line += String.fromCharCode(byte)
        if (this.#line.length > maxLineBytes) throw new Error('a line of a chunk has no end')
        continue
      }
      const line = this.#line.trimEnd()
      this.#line = ''
      this.#endLine(line)
      break
    }
    return at
  }

  #endLine(line: string): void {
    if (this.#phase === 'chunk-end') this.#phase = 'size-line'
    else if (this.#phase === 'trailer') this.#phase = line === '' ? 'whole' : 'trailer'
    else {
      const size = /^[0-9a-f]{1,12}/i.exec(line)?.[0]
      if (size === undefined) throw new Error('the size of a chunk cannot be read')
      this.#left = Number.parseInt(size, 16)
      this.#phase = this.#left === 0 ? 'trailer' : 'chunk'
    }
  }
}
