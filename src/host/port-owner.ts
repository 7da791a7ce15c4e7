import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import {
  listSystemDirectory,
  readSystemFile,
  type SystemRoots,
  systemRoots,
} from './system-files.ts'

/** Who listens on a TCP port of this machine. */
export interface PortOwner {
  /** as the kernel calls it, such as "node"; undefined where it is not ours to see */
  readonly program: string | undefined
  readonly pid: number | undefined
}

const listening = '0A'

/**
 * Finds who listens on a port: proc(5), net/tcp and the descriptors of all processes. Without root
 * only one's own processes can be seen.
 *
 * @returns undefined where nobody listens
 */
export function ownerOfPort(port: number, roots: SystemRoots = systemRoots): PortOwner | undefined {
  const inodes = new Set<string>()
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  for (const file of ['net/tcp', 'net/tcp6'])
    for (const line of (readSystemFile(roots.proc, file) ?? '').split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === listening && local?.endsWith(`:${hex}`) && inode) inodes.add(inode)
    }
  if (inodes.size === 0) return undefined
  for (const pid of listSystemDirectory(roots.proc).filter((name) => /^\d+$/.test(name)))
    for (const descriptor of listSystemDirectory(roots.proc, pid, 'fd')) {
      const inode = /^socket:\[(\d+)\]$/.exec(targetOf(join(roots.proc, pid, 'fd', descriptor)))
      if (inode?.[1] !== undefined && inodes.has(inode[1]))
        return { pid: Number(pid), program: readSystemFile(roots.proc, pid, 'comm')?.trim() }
    }
  return { pid: undefined, program: undefined }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
