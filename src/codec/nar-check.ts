import type { Compression } from '../nix/compression.ts'
import type { NarCheckRequest } from './check-messages.ts'
import { startCheckPool } from './check-pool.ts'
import type { NarVerdict } from './judge-nar.ts'
import { canUnpack } from './unpack.ts'

export type { NarCheckRequest, NarVerdict }

/** A NAR file being held against its narinfo while it is still being written. */
export interface NarCheck {
  /** Tells that the file now holds this many bytes. Cheap; call it as often as bytes arrive. */
  available(bytes: number): void
  /**
   * Takes the bytes that follow, where the file does not hold them: from the first call on, all come
   * this way. `chunk` must not change afterwards.
   *
   * @returns once few enough wait in memory
   */
  feed(chunk: Uint8Array): Promise<void>
  /**
   * Tells that the file is complete at this many bytes.
   *
   * @returns the verdict, which may have been reached before
   * @throws AppError DISK when the file cannot be read; CHECK_FAILED when a thread died, or the
   *   check was cancelled: faults, which say nothing about the NAR
   */
  finish(bytes: number): Promise<NarVerdict>
  /** Stops, and frees what it held; finish() then rejects. Idempotent. */
  cancel(): void
}

/** Unpacks NARs in threads of their own and says whether they are what they should be. */
export interface NarChecker {
  canCheck(compression: Compression): boolean
  /** How many NARs are being checked or wait for it. */
  readonly load: number
  /**
   * Begins a check. The file may be absent until available() or finish() is called, and must not
   * shrink or be renamed until the verdict.
   *
   * @throws AppError UNVERIFIABLE when canCheck says no; CHECK_FAILED when closed
   */
  check(request: NarCheckRequest): NarCheck
  /** Ends the threads and cancels all checks. Idempotent. */
  close(): Promise<void>
}

export interface NarCheckerOptions {
  /** threads, each started when needed */
  readonly workers: number
  /** A thread without work for this long ends; 10 s by default. */
  readonly idleMs?: number
  /**
   * checks that unpack at the same time, each with a decoder of about 10 MiB for an ordinary xz
   * and 180 MiB at most; 4 for each worker by default. The last is kept for complete files.
   */
  readonly maxConcurrent?: number
  /** the program of the threads, in place of the real one */
  readonly script?: URL
}

export function startNarChecker(options: NarCheckerOptions): NarChecker {
  const { workers, maxConcurrent = 4 * workers } = options
  const pool = startCheckPool({ ...options, maxConcurrent, isBackground: true })
  return {
    canCheck: canUnpack,
    check: (request) => pool.begin(request),
    close: pool.close,
    get load() {
      return pool.load
    },
  }
}
