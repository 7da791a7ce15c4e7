import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { formatDigest, type Hash } from '../../src/nix/hash.ts'
import { encodeNar } from '../../src/nix/nar.ts'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { formatPublicKey, generateSecretKey, signText } from '../../src/nix/signature.ts'
import { parseBaseName } from '../../src/nix/store-path.ts'
import { MiB } from '../../src/units.ts'

/** A file, and what is claimed of it. */
export interface MadeNar {
  /** what is sent as the file */
  readonly file: Uint8Array
  /** what the signed narinfo claims */
  readonly narSize: number
  readonly narHash: Hash
  /** `zstd` by default */
  readonly compression?: 'none' | 'xz' | 'zstd'
}

const endings = { none: '', xz: '.xz', zstd: '.zst' } as const

const key = generateSecretKey('made-1')
/** Signs all that is added. */
export const madePathsKey = formatPublicKey(key.publicKey)

export const sha256 = (bytes: Uint8Array): Hash => ({
  algorithm: 'sha256',
  digest: createHash('sha256').update(bytes).digest(),
})

/** An honest NAR of one file. */
export function madeNar(contents: Uint8Array, compression: 'none' | 'xz' = 'none'): MadeNar {
  const nar = encodeNar({ type: 'regular', executable: false, contents })
  const file = compression === 'xz' ? xz(nar) : nar
  return { file, narSize: nar.length, narHash: sha256(nar), compression }
}

/** Needs the program of this name. */
export function xz(bytes: Uint8Array): Buffer {
  return execFileSync('xz', ['-0', '--stdout'], { input: bytes, maxBuffer: 64 * MiB })
}

/** Adds a path to a binary cache: its narinfo, well signed, and the file that leads to. */
export async function addPath(
  directory: string,
  name: string,
  { file, narSize, narHash, compression = 'zstd' }: MadeNar,
): Promise<NarInfo> {
  const storePath = parseBaseName(`${name.slice(0, 1).repeat(32)}-${name}`)
  const signed = { storeDir: '/nix/store', storePath, references: [], narHash, narSize }
  const fileHash = sha256(file)
  const info: NarInfo = {
    ...signed,
    url: `nar/${formatDigest(fileHash, 'nix32')}.nar${endings[compression]}`,
    compression,
    fileHash,
    fileSize: file.length,
    deriver: undefined,
    system: undefined,
    ca: undefined,
    signatures: [signText(fingerprint(signed), key)],
  }
  await mkdir(join(directory, 'nar'), { recursive: true })
  await writeFile(join(directory, info.url), file)
  await writeFile(join(directory, `${storePath.hash}.narinfo`), printNarInfo(info))
  return info
}
