import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { moveInto, syncDirectory } from './durable.ts'
import type { Layout } from './layout.ts'

let written = 0

/**
 * Writes a small file that belongs to a path but is no narinfo: a listing, a build log, a
 * realisation. Whole or not at all.
 *
 * @param name below `cache/`, made of names that hold no way up
 * @throws the system's error
 */
export async function writeSideFile(layout: Layout, name: string, bytes: Buffer): Promise<void> {
  const final = join(layout.cache, name)
  written += 1
  const temporary = join(layout.temporary, `${written}.${basename(name).slice(0, 64)}.side`)
  const made = await mkdir(dirname(final), { recursive: true })
  if (made !== undefined) await syncDirectory(dirname(made))
  try {
    await writeFile(temporary, bytes, { flush: true })
    await moveInto(temporary, final)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
