import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { type SystemRoots, systemRoots } from './system-files.ts'

/** Where a whole machine is read: the kernel's two trees, and all other files. */
export interface HostRoots extends SystemRoots {
  /** what stands before /etc, /run, /nix and mount points: "/", another place in tests */
  readonly root: string
}

export const hostRoots: HostRoots = { ...systemRoots, root: '/' }

/** A path through its symbolic links, seen from the root; as it is where it is not there. */
export function resolveUnder(root: string, path: string): string {
  try {
    const found = realpathSync(join(root, path))
    if (root === '/') return found
    const top = realpathSync(root)
    return found.startsWith(`${top}/`) ? found.slice(top.length) : path
  } catch {
    return path
  }
}
