import { chmod, mkdtemp, readdir, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GiB } from '../../src/units.ts'
import { atTestEnd } from './at-test-end.ts'

const roomyBytes = GiB

/**
 * A new empty directory, removed when the test ends.
 *
 * In memory where there is room: Nix stores and caches are thousands of small, fsynced files.
 */
export async function tempDir(label = 'test'): Promise<string> {
  const dir = await mkdtemp(join(await fastTempRoot(), `narwhal-${label}-`))
  atTestEnd(() => removeTree(dir))
  return dir
}

/** Removes a tree, Nix stores (whose directories are read-only) included; absent is fine. */
export async function removeTree(dir: string): Promise<void> {
  await makeWritable(dir)
  await rm(dir, { recursive: true, force: true, maxRetries: 3 })
}

/** Memory where there is room, else the system's directory for temporary files. */
export async function fastTempRoot(): Promise<string> {
  const shared = '/dev/shm'
  const stats = await statfs(shared).catch(() => undefined)
  return stats !== undefined && stats.bavail * stats.bsize > roomyBytes ? shared : tmpdir()
}

// only directories: deleting a file asks for the right to write its directory, not the file
async function makeWritable(dir: string): Promise<void> {
  await chmod(dir, 0o700).catch(() => undefined)
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (entry.isDirectory()) await makeWritable(join(dir, entry.name))
  }
}
