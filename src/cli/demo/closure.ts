import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip, zstdCompress } from 'node:zlib'
import { encodeBase32 } from '../../nix/base32.ts'
import { printCacheInfo } from '../../nix/cache-info.ts'
import { compressionExtension } from '../../nix/compression.ts'
import { fingerprint } from '../../nix/fingerprint.ts'
import { formatDigest, type Hash } from '../../nix/hash.ts'
import { encodeNar, type NarNode } from '../../nix/nar.ts'
import { type NarInfo, printNarInfo } from '../../nix/narinfo.ts'
import { formatPublicKey, type SecretKey, signText } from '../../nix/signature.ts'
import { parseBaseName, printStorePath, type StorePath } from '../../nix/store-path.ts'
import { MiB } from '../../units.ts'
import { type Random, seededRandom } from './random.ts'
import { drawGraph, type GraphNode } from './reference-graph.ts'

/** How `writeClosure` can compress: what node:zlib knows and Nix too. */
const compressors = {
  none: async (nar: Uint8Array) => nar,
  gzip: promisify(gzip),
  zstd: promisify(zstdCompress),
  // Brotli's own default, 11, takes seconds for a megabyte.
  br: (nar: Uint8Array) =>
    promisify(brotliCompress)(nar, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
} as const

export type ClosureCompression = keyof typeof compressors

export interface ClosureOptions {
  /** Where the binary cache goes; made when it is missing. */
  readonly directory: string
  /** Signs every narinfo. */
  readonly secretKey: SecretKey
  /** Store paths in the closure; 60 by default. */
  readonly paths?: number
  /** Bytes of file contents in all paths together; 24 MiB by default. */
  readonly totalBytes?: number
  /** `zstd` by default. */
  readonly compression?: ClosureCompression
  /** The same seed makes the same paths, references and contents; 1 by default. */
  readonly seed?: number
}

export interface Closure {
  readonly storeDir: string
  /** The path whose closure this is: it reaches all others. */
  readonly root: StorePath
  /** In dependency order, so the root's is the last. */
  readonly infos: readonly NarInfo[]
  /** As nix.conf wants it in trusted-public-keys. */
  readonly publicKey: string
}

const storeDir = '/nix/store'

/**
 * Writes a binary cache as `nix copy --to file://…` would, with made-up packages in it and without
 * Nix: signed narinfos, their NARs, nix-cache-info.
 */
export async function writeClosure(options: ClosureOptions): Promise<Closure> {
  const { directory, secretKey, paths = 60, totalBytes = 24 * MiB, seed = 1 } = options
  await mkdir(join(directory, 'nar'), { recursive: true })
  await writeFile(
    join(directory, 'nix-cache-info'),
    printCacheInfo({ storeDir, wantMassQuery: true, priority: 40 }),
  )

  const random = seededRandom(`closure ${seed}`)
  const nodes = drawGraph(paths, random)
  const storePaths = nodes.map(({ name }, place) => madeUpPath(name, `${seed} ${place}`))
  const weightOfAll = nodes.reduce((sum, node) => sum + node.weight, 0)

  const infos: NarInfo[] = []
  for (const [place, node] of nodes.entries()) {
    const storePath = storePaths[place] as StorePath
    const references = node.references.map((other) => storePaths[other] as StorePath)
    const size = Math.max(64, Math.floor((totalBytes * node.weight) / weightOfAll))
    const nar = encodeNar(madeUpPackage(node, { references, size, random }))
    infos.push(await writePath({ storePath, references, nar }, options))
  }
  return {
    storeDir,
    root: storePaths.at(-1) as StorePath,
    infos,
    publicKey: formatPublicKey(secretKey.publicKey),
  }
}

async function writePath(
  path: Pick<NarInfo, 'storePath' | 'references'> & { nar: Uint8Array },
  { directory, compression = 'zstd', secretKey }: ClosureOptions,
): Promise<NarInfo> {
  const file = await compressors[compression](path.nar)
  const fileHash = sha256(file)
  const signed = {
    storeDir,
    storePath: path.storePath,
    references: path.references,
    narHash: sha256(path.nar),
    narSize: path.nar.length,
  }
  const info: NarInfo = {
    ...signed,
    url: `nar/${formatDigest(fileHash, 'nix32')}.nar${compressionExtension(compression)}`,
    compression,
    fileHash,
    fileSize: file.length,
    deriver: undefined,
    system: undefined,
    signatures: [signText(fingerprint(signed), secretKey)],
    ca: undefined,
  }
  await writeFile(join(directory, info.url), file)
  await writeFile(join(directory, `${path.storePath.hash}.narinfo`), printNarInfo(info))
  return info
}

/** A store path's hash is taken from how the path is built; here from what it is called. */
function madeUpPath(name: string, salt: string): StorePath {
  const digest = createHash('sha256').update(`${salt} ${name}`).digest()
  return parseBaseName(`${encodeBase32(digest.subarray(0, 20))}-${name}`)
}

/** A package with a program, a library, a link, and a text that names its references. */
function madeUpPackage(
  node: GraphNode,
  has: { references: readonly StorePath[]; size: number; random: Random },
): NarNode {
  const programSize = Math.floor(has.size / 8)
  const links = has.references.map((path) => `${printStorePath(path, storeDir)}\n`).join('')
  const library = has.size - programSize
  return directory({
    bin: directory({ [node.name]: file(machineCode(programSize, has.random), true) }),
    lib: directory({
      'library.so': { type: 'symlink', target: 'library.so.1' },
      'library.so.1': file(machineCode(library, has.random), true),
    }),
    'nix-support': directory({ 'propagated-build-inputs': file(Buffer.from(links)) }),
  })
}

/** Bytes that compress to about half, as programs do. */
function machineCode(size: number, random: Random): Uint8Array {
  return random.bytes(size).map((byte) => byte & 0x0f)
}

function file(contents: Uint8Array, executable = false): NarNode {
  return { type: 'regular', executable, contents }
}

function directory(entries: Readonly<Record<string, NarNode>>): NarNode {
  return { type: 'directory', entries: new Map(Object.entries(entries)) }
}

function sha256(bytes: Uint8Array): Hash {
  return { algorithm: 'sha256', digest: createHash('sha256').update(bytes).digest() }
}
