import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Makes `dir` the home of a Nix that shares nothing with this machine's: own configuration, own
 * memory of narinfos, own state. Works as root and with no daemon.
 *
 * @returns the whole environment its programs run in
 */
export async function makeNixHome(dir: string): Promise<Record<string, string>> {
  await mkdir(join(dir, 'conf'), { recursive: true })
  await writeFile(join(dir, 'conf', 'nix.conf'), configuration)
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: join(dir, 'home'),
    XDG_CACHE_HOME: narinfoMemory(dir),
    XDG_CONFIG_HOME: join(dir, 'home', '.config'),
    XDG_DATA_HOME: join(dir, 'home', '.local'),
    TMPDIR: '/tmp',
    NIX_CONF_DIR: join(dir, 'conf'),
    NIX_USER_CONF_FILES: '',
    NIX_STATE_DIR: join(dir, 'state'),
    NIX_LOG_DIR: join(dir, 'log'),
  }
}

/** Where a Nix with this home remembers narinfos (its binary-cache-v*.sqlite). */
export function narinfoMemory(dir: string): string {
  return join(dir, 'xdg-cache')
}

// sandbox-paths: builds in a chroot store see only these
const configuration = `experimental-features = nix-command flakes
sandbox = false
sandbox-paths = /bin=/usr/bin /lib=/usr/lib /lib64=/usr/lib64 /usr
build-users-group =
substituters =
fsync-metadata = false
connect-timeout = 10
`
