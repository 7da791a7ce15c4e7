import type { ErrorCode } from '../errors.ts'
import type { Compression } from '../nix/compression.ts'
import type { FileProgress } from './growing-file.ts'
import type { NarClaim, NarVerdict } from './judge-nar.ts'

/** A NAR file and what it must unpack to. */
export interface NarCheckRequest extends NarClaim {
  readonly path: string
  readonly compression: Compression
}

/** What a checking thread does with a file. */
export interface CheckWork extends NarCheckRequest {
  /** compress what was unpacked with zstd, at this level */
  readonly pack?: { readonly level: number }
}

/** What the main thread says to a checking thread; `id` names a check. */
export type CheckOrder =
  | {
      readonly kind: 'start'
      readonly id: number
      readonly work: CheckWork
      readonly progress: FileProgress
    }
  /** Sent only in answer to `hungry`, so that no messages pile up. */
  | { readonly kind: 'progress'; readonly id: number; readonly progress: FileProgress }
  /** Sent only in answer to `hungry` too: the bytes that follow, where the file has them not. */
  | {
      readonly kind: 'bytes'
      readonly id: number
      readonly chunk: Uint8Array
      readonly progress: FileProgress
    }
  /** So many packed bytes need no room any more. */
  | { readonly kind: 'taken'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'cancel'; readonly id: number }

/** What a checking thread answers. */
export type CheckReport =
  /** All the bytes it knows of are read. */
  | { readonly kind: 'hungry'; readonly id: number }
  /** The next packed bytes; all of them come before the verdict, the last only when it is good. */
  | { readonly kind: 'packed'; readonly id: number; readonly chunk: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'verdict'; readonly id: number; readonly verdict: NarVerdict }
  | {
      readonly kind: 'fault'
      readonly id: number
      readonly code: ErrorCode
      readonly message: string
    }
