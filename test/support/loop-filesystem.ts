import { readlink, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { mustRun } from './program-run.ts'

const env = { PATH: process.env.PATH ?? '' }

/** Makes an image with an empty ext4 of this size. Needs mkfs.ext4. */
export async function makeImage(image: string, bytes: number): Promise<void> {
  await mustRun('truncate', ['-s', String(bytes), image], { env })
  await mustRun('mkfs.ext4', ['-q', '-F', image], { env })
}

/**
 * A wrapper for startNarwhal that gives the server the ext4 in `image` for its data directory, in a
 * mount namespace of its own. Needs root, unshare and loop devices.
 */
export function loopFilesystem(dataDir: string, image: string): readonly string[] {
  const script = 'mount -o loop,errors=remount-ro "$1" "$0" && shift && cd "$0" && exec "$@"'
  return ['unshare', '-m', 'sh', '-c', script, dataDir, image]
}

/** Makes the kernel find an error in the server's filesystem, on which it goes read-only. */
export async function breakFilesystem(server: { readonly pid: number }, dataDir: string) {
  const inside = ['-t', String(server.pid), '-m', 'findmnt', '-nro', 'SOURCE', dataDir]
  const device = await mustRun('nsenter', inside, { env })
  const name = basename(await readlink(device).catch(() => device))
  await writeFile(`/sys/fs/ext4/${name}/trigger_fs_error`, 'a test broke it')
}
