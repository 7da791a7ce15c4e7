import {
  type Compression,
  compressionExtension,
  compressionOfExtension,
} from '../nix/compression.ts'
import { formatDigest, type Hash, parseHash } from '../nix/hash.ts'
import type { NarInfo } from '../nix/narinfo.ts'
import { isStoreHash, type StoreHash } from '../nix/store-path.ts'

/**
 * The names under which NARs are handed out. Both describe themselves, so that a URL a client
 * remembered for a month is answered after eviction, restart or loss of the index.
 *
 * - `file`: `<filehash>.nar[.ext]`, the upstream's own bytes and name.
 * - `path`: `<storehash>-<narhash>.nar[.ext]`, for upstreams whose URLs say nothing. The store hash
 *   finds the narinfo again, the signed NarHash checks the bytes.
 */
export type NarFile =
  | {
      readonly shape: 'file'
      readonly name: string
      readonly compression: Compression
      readonly fileHash: Hash
    }
  | {
      readonly shape: 'path'
      readonly name: string
      readonly compression: Compression
      readonly storeHash: StoreHash
      readonly narHash: Hash
    }

const pattern = /^(?:([0-9a-z]{32})-)?([0-9a-z]{52})\.nar(\.[0-9a-z]+)?$/

/** Reads a file name below `nar/`; undefined when it is none of ours. */
export function parseNarFile(name: string): NarFile | undefined {
  const match = pattern.exec(name)
  if (!match) return undefined
  const [, storeHash, digest, extension = ''] = match
  const compression = compressionOfExtension(extension)
  const hash = parseDigest(digest as string)
  if (compression === undefined || hash === undefined) return undefined
  if (storeHash === undefined) return { shape: 'file', name, compression, fileHash: hash }
  if (!isStoreHash(storeHash)) return undefined
  return { shape: 'path', name, compression, storeHash, narHash: hash }
}

function parseDigest(text: string): Hash | undefined {
  try {
    return parseHash(text, 'sha256')
  } catch {
    return undefined
  }
}

/** Names the file a narinfo's NAR is handed out as, from what its upstream wrote. */
export function narFileOf(upstream: NarInfo): string {
  const extension = compressionExtension(upstream.compression)
  if (upstream.fileHash?.algorithm === 'sha256') {
    const name = `${formatDigest(upstream.fileHash, 'nix32')}.nar${extension}`
    if (upstream.url === `nar/${name}`) return name
  }
  return `${upstream.storePath.hash}-${formatDigest(upstream.narHash, 'nix32')}.nar${extension}`
}

/** Clients unpack these so slowly, or they take so much room, that zstd is worth the work. */
const worthRepacking: readonly Compression[] = ['none', 'xz', 'bzip2']

/** What the names of such files end in. */
export const repackedEndings: readonly string[] = worthRepacking.map(
  (compression) => `.nar${compressionExtension(compression)}`,
)

/** Who asks for a zstd form by its name gets one made of these too. */
const repackable: readonly Compression[] = [...worthRepacking, 'br', 'gzip']

/** Names the zstd form of a NAR: by path and signed hash, since no upstream has its bytes. */
export function repackedFileOf(info: NarInfo): string {
  const { storePath, narHash } = info
  return `${storePath.hash}-${formatDigest(narHash, 'nix32')}.nar${compressionExtension('zstd')}`
}

/** True when a zstd form can be made of this file. */
export function isRepackable({ compression }: NarFile): boolean {
  return repackable.includes(compression)
}
