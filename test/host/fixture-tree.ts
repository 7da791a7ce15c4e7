import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { SystemRoots } from '../../src/host/system-files.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Makes a /proc and a /sys of the files given, such as "proc/meminfo". */
export async function systemWith(files: Readonly<Record<string, string>>): Promise<SystemRoots> {
  const dir = await tempDir('host')
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  return { proc: join(dir, 'proc'), sys: join(dir, 'sys') }
}
