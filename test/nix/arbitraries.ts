import fc from 'fast-check'
import { encodeBase32 } from '../../src/nix/base32.ts'
import type { Compression } from '../../src/nix/compression.ts'
import type { Hash, HashAlgorithm } from '../../src/nix/hash.ts'
import type { NarNode } from '../../src/nix/nar.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { Signature } from '../../src/nix/signature.ts'
import type { StoreHash, StorePath } from '../../src/nix/store-path.ts'
import { isStoreName, storePathSet } from '../../src/nix/store-path.ts'

function bytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length })
}

export function hashOf(algorithm: HashAlgorithm, length: number): fc.Arbitrary<Hash> {
  return bytes(length).map((digest) => ({ algorithm, digest }))
}

export const sha256: fc.Arbitrary<Hash> = hashOf('sha256', 32)

export const anyHash: fc.Arbitrary<Hash> = fc.oneof(
  sha256,
  hashOf('md5', 16),
  hashOf('sha1', 20),
  hashOf('sha512', 64),
)

const storeName = fc.stringMatching(/^[0-9A-Za-z+\-._?=]{1,40}$/).filter(isStoreName)

export const storePath: fc.Arbitrary<StorePath> = fc.record({
  hash: bytes(20).map((digest) => encodeBase32(digest) as StoreHash),
  name: storeName,
})

const signature: fc.Arbitrary<Signature> = fc.record({
  keyName: fc.stringMatching(/^[a-z0-9.-]{1,20}$/),
  bytes: bytes(64),
})

const line = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/)
const size = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const compressions: Compression[] = ['none', 'xz', 'zstd', 'br', 'bzip2', 'gzip', 'lzip', 'lz4']

export const narInfo: fc.Arbitrary<NarInfo> = fc.record({
  storeDir: fc.constantFrom('/nix/store', '/gnu/store', '/opt/sw/nix-2/.store'),
  storePath,
  url: line,
  compression: fc.constantFrom(...compressions),
  fileHash: fc.option(sha256, { nil: undefined }),
  fileSize: fc.option(size, { nil: undefined }),
  narHash: sha256,
  narSize: size,
  references: fc.array(storePath, { maxLength: 6 }).map(storePathSet),
  deriver: fc.option(
    storePath.map((path) => `${path.hash}-${path.name}.drv`),
    { nil: undefined },
  ),
  system: fc.option(fc.constantFrom('x86_64-linux', 'aarch64-darwin'), { nil: undefined }),
  signatures: fc.uniqueArray(signature, { maxLength: 3, selector: (each) => each.keyName }),
  ca: fc.option(line, { nil: undefined }),
})

/** Names that have tripped programs up before, among plain ones. */
const entryName = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', '10', '9', '...', 'a b', '\u{1f40b}', '\ufb00', '('),
  fc.stringMatching(/^[a-c]{1,3}$/),
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
)

function isPlainName(name: string): boolean {
  return !/^\.{1,2}$|[/\0]/.test(name) && Buffer.byteLength(name) <= 255
}

export const narNode: fc.Arbitrary<NarNode> = fc.letrec<{ node: NarNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'nar' },
    fc.record({
      type: fc.constant('regular' as const),
      executable: fc.boolean(),
      contents: fc.uint8Array({ maxLength: 40 }),
    }),
    fc.record({
      type: fc.constant('symlink' as const),
      target: fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0')),
    }),
    fc
      .array(fc.tuple(entryName.filter(isPlainName), tie('node')), {
        maxLength: 5,
        depthIdentifier: 'nar',
      })
      .map((list) => ({ type: 'directory' as const, entries: new Map(list) })),
  ),
})).node
