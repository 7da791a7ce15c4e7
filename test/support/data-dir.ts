import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SyntheticCache } from './synthetic-cache.ts'
import { tempDir } from './temp-dir.ts'

/** A data directory without an index that holds all of a cache, as after a lost index. */
export async function dataDirOf(cache: Pick<SyntheticCache, 'directory'>): Promise<string> {
  const dataDir = await tempDir('data')
  await mkdir(dataDir, { recursive: true })
  await cp(cache.directory, join(dataDir, 'cache'), { recursive: true })
  return dataDir
}
