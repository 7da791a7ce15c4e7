import { spawnSync } from 'node:child_process'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Compression } from '../../src/nix/compression.ts'

export type Packable = 'none' | 'br' | 'gzip' | 'zstd' | 'xz' | 'bzip2'

/** Every compression that narwhal unpacks, with the programs a test needs to pack it. */
export const packables: readonly [Packable, readonly string[]][] = [
  ['none', []],
  ['br', []],
  ['gzip', []],
  ['zstd', []],
  ['xz', ['xz']],
  ['bzip2', ['bzip2']],
]

/** Packs as `compression` says; xz and bzip2 by their programs. */
export function pack(compression: Packable, bytes: Uint8Array): Buffer {
  switch (compression) {
    case 'none':
      return Buffer.from(bytes)
    case 'br':
      return brotliCompressSync(bytes, { params: { 1: 5 } })
    case 'gzip':
      return gzipSync(bytes)
    case 'zstd':
      return zstdCompressSync(bytes)
    default:
      return packWith(compression, [], bytes)
  }
}

/** What `program -c ...options` makes of `bytes`. */
export function packWith(program: string, options: readonly string[], bytes: Uint8Array): Buffer {
  const run = spawnSync(program, ['-c', ...options], { input: bytes, maxBuffer: 2 ** 30 })
  if (run.status !== 0) throw new Error(`${program} failed: ${run.stderr}`)
  return run.stdout
}

/** Bytes much like a program's: words that come again near and far, tables, noise. Always the same. */
export function binaryLike(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let seed = 1
  function random(below: number): number {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return (seed >>> 8) % below
  }
  let at = 0
  while (at < length) {
    const left = length - at
    const kind = random(10)
    if (kind < 5 && at > 0) {
      const distance = 1 + random(random(4) === 0 ? at : Math.min(at, 2000))
      for (let n = Math.min(left, 2 + random(60)); n > 0; n--, at++)
        bytes[at] = bytes[at - distance] as number
    } else if (kind < 6) {
      const run = Math.min(left, 4 + random(400))
      bytes.fill(random(256), at, at + run)
      at += run
    } else {
      for (let n = Math.min(left, 1 + random(20)); n > 0; n--) bytes[at++] = random(256)
    }
  }
  return bytes
}

/** A copy with the bits of `mask` turned over in one byte. */
export function flipped(bytes: Uint8Array, at: number, mask = 0xff): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (bytes[at] as number) ^ mask
  return copy
}

/** A compression by any name, for tests of those that cannot be unpacked. */
export const unpackable: Compression = 'lrzip'
