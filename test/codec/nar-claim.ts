import { createHash } from 'node:crypto'
import { readdir, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { NarCheckRequest } from '../../src/codec/nar-check.ts'
import { tempDir } from '../support/temp-dir.ts'

/** A program for checking threads that dies of some files. */
export const crashingWorker = new URL('./crashing-worker.ts', import.meta.url)

/** A request that claims `bytes`, about a file of its own that holds `file`, or is absent. */
export async function claimOf(
  bytes: Uint8Array,
  {
    file,
    name = 'nar.part',
    ...rest
  }: Partial<NarCheckRequest> & { file?: Uint8Array; name?: string },
): Promise<NarCheckRequest> {
  const path = join(await tempDir('nar-check'), name)
  if (file) await writeFile(path, file)
  const narHash = {
    algorithm: 'sha256',
    digest: createHash('sha256').update(bytes).digest(),
  } as const
  return { path, compression: 'zstd', narHash, narSize: bytes.length, ...rest }
}

/** A thread that steps back may wait long for a busy CPU: others have 20 and 60 times its share. */
export const patience = { timeout: 120_000 }

/** Waits until this process, its threads included, has the file open `count` times. */
export async function openFiles(path: string, count: number): Promise<void> {
  const find = async () => {
    const names = await readdir('/proc/self/fd')
    const targets = names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => ''))
    return (await Promise.all(targets)).filter((target) => target === path).length
  }
  await expect.poll(find, patience).toBe(count)
}
