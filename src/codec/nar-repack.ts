import { AppError } from '../errors.ts'
import type { Compression } from '../nix/compression.ts'
import type { NarCheckRequest } from './check-messages.ts'
import { startCheckPool } from './check-pool.ts'
import { type PackedChunk, PackedChunks } from './packed-chunks.ts'
import { canUnpack } from './unpack.ts'

/** A NAR to pack anew. */
export interface NarRepackRequest extends NarCheckRequest {
  /** of zstd, 1 to 19 */
  readonly level: number
  /** True when no client waits for it: then it may stand still for long, and holds up no other. */
  readonly isAhead?: boolean
}

/**
 * A NAR being unpacked, held against its narinfo and packed anew, in one pass, also while its file
 * is still being written. Whoever holds it takes the chunks to their end, or cancels.
 */
export interface Repacking {
  /** Tells that the file now holds this many bytes. Cheap; call it as often as bytes arrive. */
  available(bytes: number): void
  /**
   * Takes the bytes that follow, where the file does not hold them: from the first call on, all come
   * this way. `chunk` is given away, with all the memory it is a part of.
   *
   * @returns once few enough wait in memory
   */
  feed(chunk: Uint8Array<ArrayBuffer>): Promise<void>
  /**
   * Tells that all of the file is at hand and will be fed without waiting for anybody: it may begin
   * where others wait for the network. Idempotent.
   */
  whole(): void
  /** Tells that the file is complete at this many bytes. */
  finish(bytes: number): void
  /**
   * The packed NAR, to be taken once; it ends only when all of the NAR was right. At most 512 KiB
   * wait to be taken, so the work pauses for as long as nobody takes. Leaving the loop cancels.
   * Each chunk is the taker's, with its memory.
   *
   * Throws AppError CORRUPT when the NAR is wrong, and what was taken must go; DISK when the file
   * cannot be read, CHECK_FAILED when a thread died or it was cancelled: those say nothing about the
   * NAR.
   */
  readonly chunks: AsyncIterable<PackedChunk>
  /** Stops, and frees what it held; the chunks then throw. Idempotent. */
  cancel(): void
}

/** Packs NARs anew with zstd, in threads of their own that step back when the CPU is wanted. */
export interface Repacker {
  /** True for what can be unpacked and is not zstd already. */
  canRepack(compression: Compression): boolean
  /**
   * Begins, once a thread is free. The file may be absent until available() or finish() is called,
   * and must not shrink or be renamed until the end. The output depends on the NAR, the level and
   * the release of zstd alone.
   *
   * @throws AppError UNVERIFIABLE when canRepack says no; CHECK_FAILED when closed
   */
  repack(request: NarRepackRequest): Repacking
  /** Ends the threads and cancels everything. Idempotent. */
  close(): Promise<void>
}

export interface RepackerOptions {
  /** threads, each started when needed */
  readonly workers: number
  /** A thread without work for this long ends; 10 s by default. */
  readonly idleMs?: number
  /**
   * NARs under way at the same time for clients that wait, each with the memory that
   * docs/decisions/0012 tells; one for each worker by default, and 2 at least. The last is kept for
   * files that are here. What is done ahead of clients has one more for each worker.
   */
  readonly maxConcurrent?: number
  /** the program of the threads, in place of the real one */
  readonly script?: URL
}

export function startRepacker(options: RepackerOptions): Repacker {
  const { workers, maxConcurrent = Math.max(2, workers) } = options
  const pool = startCheckPool({ ...options, maxConcurrent, isBackground: true })
  return {
    canRepack,
    repack({ level, isAhead = false, ...request }) {
      if (!canRepack(request.compression))
        throw new AppError('UNVERIFIABLE', `narwhal does not repack ${request.compression}`)
      const work = { ...request, pack: { level } }
      const options = { isAhead, givesAway: true }
      const check = pool.begin(work, (chunk) => chunks.push(chunk), options)
      const chunks = new PackedChunks(
        (bytes) => check.taken(bytes),
        () => check.cancel(),
      )
      check.verdict.then(
        (verdict) => chunks.end(verdict.ok ? 'good' : new AppError('CORRUPT', verdict.reason)),
        (fault: AppError) => chunks.end(fault),
      )
      return {
        available: (bytes) => check.available(bytes),
        feed: (chunk) => check.feed(chunk),
        whole: () => check.whole(),
        finish: (bytes) => void check.finish(bytes).catch(() => {}),
        chunks,
        cancel: () => check.cancel(),
      }
    },
    close: pool.close,
  }
}

function canRepack(compression: Compression): boolean {
  return compression !== 'zstd' && canUnpack(compression)
}
