/**
 * A wrapper for startNarwhal that gives the server a data directory on a small filesystem of its
 * own, in memory and in a mount namespace: full when a test wants it full. Needs root and unshare.
 *
 * @param isFull true fills it before the server starts
 * @param options as tmpfs takes them, such as "size=4m" or "size=64m,nr_inodes=40"
 */
export function smallFilesystem(
  dataDir: string,
  options: string,
  { isFull = false } = {},
): readonly string[] {
  // head leaves what it could write and complains that the rest did not fit
  const fill = isFull ? 'head -c 1g /dev/zero >ballast 2>/dev/null;' : ''
  const script = `mount -t tmpfs -o "$1" tmpfs "$0" && shift && cd "$0" && { ${fill} exec "$@"; }`
  return ['unshare', '-m', 'sh', '-c', script, dataDir, options]
}

/** A wrapper for startNarwhal in whose eyes `directory` lies on a read-only filesystem. */
export function readOnlyMount(directory: string): readonly string[] {
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'
  return ['unshare', '-m', 'sh', '-c', script, directory]
}

/** Where a file of the server's namespace is for us. */
export function insideOf(server: { readonly pid: number }, path: string): string {
  return `/proc/${server.pid}/root${path}`
}
