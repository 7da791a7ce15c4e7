import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { MachineFile } from './allot-files.ts'

/** What builds in a chroot store can see of this machine, see test/support/nix-home.ts. */
const roots = ['/usr/lib', '/usr/bin', '/usr/share']
/** Builds are another user's: what everybody may read, in directories everybody may enter. */
const publicRead = 0o004
const publicEnter = 0o001
/** Other names would need quoting in the recipe that copies them. */
const plainPath = /^[\w@%+=:,./-]+$/

/**
 * Finds what this machine has of programs, libraries, data and texts: contents that compress as
 * those of real store paths do. Hard links count once, for a store path repeats nothing either.
 */
export function findMachineFiles(): MachineFile[] {
  const seen = new Set<string>()
  const files: MachineFile[] = []
  for (const root of roots)
    for (const path of regularFiles(root)) {
      const { dev, ino, size, mode } = statSync(path)
      if (size === 0 || !(mode & publicRead) || seen.has(`${dev} ${ino}`)) continue
      seen.add(`${dev} ${ino}`)
      files.push({ path, bytes: size })
    }
  return files
}

function* regularFiles(directory: string): Generator<string> {
  const entries = readdirSync(directory, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (!plainPath.test(path)) continue
    if (entry.isFile()) yield path
    else if (entry.isDirectory() && statSync(path).mode & publicEnter) yield* regularFiles(path)
  }
}
