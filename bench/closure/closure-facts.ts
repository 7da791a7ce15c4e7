import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type NarInfo, parseNarInfo } from '../../src/nix/narinfo.ts'
import { parseStorePath } from '../../src/nix/store-path.ts'
import type { BenchClosure } from './make-closure.ts'

export interface ClosureFacts {
  readonly paths: number
  /** Of all NARs, unpacked. */
  readonly narBytes: number
  /** Of all NARs as the upstream has them, in xz. */
  readonly fileBytes: number
  /** Bytes of the median NAR, unpacked. */
  readonly medianNarBytes: number
  readonly largestNarBytes: number
  /** Paths in the longest chain of references. */
  readonly layers: number
  /** Hashes of the store paths with the biggest NARs, the biggest first. */
  readonly biggest: readonly string[]
}

/** Reads from its narinfos what a closure is like. */
export async function readClosureFacts(closure: BenchClosure): Promise<ClosureFacts> {
  const infos = await Promise.all(closure.paths.map((path) => readNarInfo(closure, path)))
  const bySize = infos.toSorted((a, b) => b.narSize - a.narSize)
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0)
  return {
    paths: infos.length,
    narBytes: sum(infos.map(({ narSize }) => narSize)),
    fileBytes: sum(infos.map(({ fileSize = 0 }) => fileSize)),
    medianNarBytes: bySize[bySize.length >> 1]?.narSize ?? 0,
    largestNarBytes: bySize[0]?.narSize ?? 0,
    layers: longestChain(infos),
    biggest: bySize.map(({ storePath }) => storePath.hash),
  }
}

/** Reads a narinfo of the cache on disk. */
export async function readNarInfo(
  { cacheDirectory }: BenchClosure,
  path: string,
): Promise<NarInfo> {
  const { hash } = parseStorePath(path, '/nix/store')
  return parseNarInfo(await readFile(join(cacheDirectory, `${hash}.narinfo`)))
}

function longestChain(infos: readonly NarInfo[]): number {
  const byHash = new Map<string, NarInfo>(infos.map((info) => [info.storePath.hash, info]))
  const known = new Map<string, number>()
  const chainFrom = (hash: string): number => {
    const before = known.get(hash)
    if (before !== undefined) return before
    const others = (byHash.get(hash)?.references ?? []).filter((other) => other.hash !== hash)
    const chain = 1 + Math.max(0, ...others.map((other) => chainFrom(other.hash)))
    known.set(hash, chain)
    return chain
  }
  return Math.max(...infos.map(({ storePath }) => chainFrom(storePath.hash)))
}
