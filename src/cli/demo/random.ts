import { createCipheriv, createHash } from 'node:crypto'

/** A stream of random values that is the same for the same seed, on every machine. */
export interface Random {
  /** A number in [0, 1). */
  fraction(): number
  /** A whole number in [0, below). */
  below(below: number): number
  /** `length` bytes that do not compress. */
  bytes(length: number): Buffer
}

/** Starts the stream that belongs to `seed`: the key stream of AES, which is fast for megabytes. */
export function seededRandom(seed: string): Random {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const bytes = (length: number) => cipher.update(Buffer.alloc(length))
  const fraction = () => bytes(4).readUInt32LE() / 2 ** 32
  return { bytes, fraction, below: (below) => Math.floor(fraction() * below) }
}
