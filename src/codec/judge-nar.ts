import { createHash } from 'node:crypto'
import { isAppError } from '../errors.ts'
import { formatHash, type Hash, sameHash } from '../nix/hash.ts'

/** Whether a NAR is what its narinfo says; `reason` is a sentence without its full stop. */
export type NarVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** What a narinfo's signature vouches for. */
export interface NarClaim {
  readonly narHash: Hash
  /** bytes, unpacked */
  readonly narSize: number
}

/**
 * Compares an unpacked NAR with what is claimed of it, and stops at the first byte too many: a
 * small file may unpack to more than any disk holds.
 *
 * @param pieces the unpacked NAR; damage ends it with AppError CORRUPT
 * @param afterPiece is waited for after each piece that is not too much, so that others get their
 *   turn, or to do more with it
 */
export async function judgeNar(
  pieces: AsyncIterable<Uint8Array>,
  { narHash, narSize }: NarClaim,
  afterPiece: (piece: Uint8Array) => Promise<unknown>,
): Promise<NarVerdict> {
  const digester = createHash(narHash.algorithm)
  let bytes = 0
  try {
    for await (const piece of pieces) {
      bytes += piece.length
      if (bytes > narSize) return no(`it unpacks to more than NarSize (${narSize}) bytes`)
      digester.update(piece)
      await afterPiece(piece)
    }
  } catch (error) {
    if (isAppError(error, 'CORRUPT')) return no(error.message)
    throw error
  }
  if (bytes < narSize) return no(`it unpacks to ${bytes} bytes instead of NarSize (${narSize})`)
  const found: Hash = { algorithm: narHash.algorithm, digest: digester.digest() }
  if (!sameHash(found, narHash))
    return no(`its NarHash is ${formatHash(found)} instead of ${formatHash(narHash)}`)
  return { ok: true }
}

function no(reason: string): NarVerdict {
  return { ok: false, reason }
}
