import { readSystemFile, type SystemRoots, systemRoots } from './system-files.ts'

/** A file system and where it is in the tree. */
export interface Mount {
  /** "8:1"; btrfs and file systems without a disk have one that begins with "0:" */
  readonly deviceId: string
  readonly mountPoint: string
  readonly filesystem: string
  /** "/dev/sda1", or what the file system calls its own: "tank/nix", "server:/export", "tmpfs" */
  readonly source: string
  /** of the mount, then of the file system as a whole */
  readonly options: readonly string[]
}

/** Reads proc(5) self/mountinfo: "36 35 98:0 /sub /mnt rw,noatime shared:1 - ext4 /dev/sda1 rw". */
export function readMounts(roots: SystemRoots = systemRoots): Mount[] {
  const text = readSystemFile(roots.proc, 'self/mountinfo') ?? ''
  return text.split('\n').flatMap((line) => {
    const [here = '', whole] = line.split(' - ')
    const [, , deviceId = '', , mountPoint, ownOptions = ''] = here.split(' ')
    const [filesystem = '', source = '', options = ''] = whole?.split(' ') ?? []
    if (mountPoint === undefined || filesystem === '') return []
    return [
      {
        deviceId,
        mountPoint: unescaped(mountPoint),
        filesystem,
        source: unescaped(source),
        options: [...new Set([...ownOptions.split(','), ...options.split(',')])].filter(Boolean),
      },
    ]
  })
}

/** The mount a path is in: the deepest one, and of several at one place the last, which hides the others. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const { mountPoint } = mount
    const isAround = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`)
    if (isAround && mountPoint.length >= (best?.mountPoint.length ?? 0)) best = mount
  }
  return best
}

/** Blanks and the like are written as "\040". */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}
