import { createHash } from 'node:crypto'
import type { ReadPacked } from '../../src/codec/packed-reader.ts'

/** Reads `bytes` in pieces of at most the sizes given, over and over again. */
export function arriving(bytes: Uint8Array, sizes: readonly number[] = [2 ** 30]): ReadPacked {
  let at = 0
  let turn = 0
  return async (into) => {
    const most = Math.min(sizes[turn++ % sizes.length] as number, into.length)
    const piece = bytes.subarray(at, at + most)
    into.set(piece)
    at += piece.length
    return piece.length
  }
}

/** All the pieces as one. */
export async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const piece of pieces) copies.push(Buffer.from(piece))
  return Buffer.concat(copies)
}

/** Short enough to read when two of them differ. */
export function digestOf(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`
}
