import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ClosureOptions, writeClosure } from '../../src/cli/demo/closure.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { generateSecretKey } from '../../src/nix/signature.ts'
import { tempDir } from './temp-dir.ts'

export interface SyntheticCache {
  readonly directory: string
  readonly publicKey: string
  readonly infos: readonly NarInfo[]
  /** the file behind a narinfo's URL */
  bytesOf(info: NarInfo): Promise<Buffer>
}

/** A signed binary cache made without Nix, for tests that need bytes more than they need Nix. */
export async function syntheticCache(
  options: Omit<ClosureOptions, 'directory' | 'secretKey'> = {},
): Promise<SyntheticCache> {
  const directory = await tempDir('cache')
  const secretKey = generateSecretKey('synthetic-1')
  const { infos, publicKey } = await writeClosure({ ...options, directory, secretKey })
  return {
    directory,
    publicKey,
    infos,
    bytesOf: (info) => readFile(join(directory, info.url)),
  }
}
