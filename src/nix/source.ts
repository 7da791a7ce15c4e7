import type { NarInfo } from './narinfo.ts'
import type { StoreHash } from './store-path.ts'

export interface NarRequest {
  /** The `URL:` of a narinfo of this very source, as it stands there. */
  readonly url: string
  /** First byte wanted; 0 for the whole file. */
  readonly offset: number
}

/** The bytes of one NAR file, compressed as its cache keeps them, from the offset asked for. */
export interface NarBody {
  /** Bytes of the whole file, not of this body; undefined when the source does not say. */
  readonly size: number | undefined
  /** Read it to the end, or leave the loop: either frees what lies behind it. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** How a source is asked. */
export interface AskOptions {
  /** True when no client waits for the answer: it is asked once only, and told so. */
  readonly isPrefetch?: boolean
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
