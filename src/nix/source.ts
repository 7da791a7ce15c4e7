import type { NarInfo } from './narinfo.ts'
import type { StoreHash } from './store-path.ts'

export interface NarRequest {
  /** The `URL:` of a narinfo of this very source, as it stands there. */
  readonly url: string
  /** First byte wanted; 0 for the whole file. */
  readonly offset: number
  /** Bytes wanted from there; undefined for all to the end of the file. */
  readonly length?: number | undefined
  /** Of the object they are to be part of, as an earlier NarBody gave it: never of another. */
  readonly etag?: string | undefined
}

/** The bytes of one NAR file, compressed as its cache keeps them, from the offset asked for. */
export interface NarBody {
  /** Bytes of the whole file, not of this body; undefined when the source does not say. */
  readonly size: number | undefined
  /** Names exactly this object at its source, where that gives a name; a weak one is none. */
  readonly etag?: string | undefined
  /** Read it to the end, or leave the loop: either frees what lies behind it. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** How a source is asked. */
export interface AskOptions {
  /** True when no client waits for the answer: it is asked once only, and told so. */
  readonly isPrefetch?: boolean
  /**
   * True for one of several ranges of a file asked for at once. Who wants too much at once may be
   * refused, so its faults do not count against the source.
   */
  readonly isLane?: boolean
}

/**
 * A binary cache as the protocol sees it, whatever lies behind.
 *
 * `undefined` means certainly absent. A source that cannot know throws an AppError: the two never mix.
 * What comes back is parsed, not judged: whether to trust it is policy/trust.ts.
 */
export interface Source {
  /** What logs and errors call it. */
  readonly name: string
  /** True when there is a line to it that several requests at once may fill better than one. */
  readonly hasLanes?: boolean | undefined
  narinfo(hash: StoreHash, signal: AbortSignal, options?: AskOptions): Promise<NarInfo | undefined>
  nar(request: NarRequest, signal: AbortSignal, options?: AskOptions): Promise<NarBody | undefined>
  /**
   * Asks for something small, to see whether it answers at all.
   *
   * @throws AppError when it does not
   */
  probe(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
