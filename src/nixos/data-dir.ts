import type { StoreFilesystem } from './wanted-config.ts'

/** Where the module and the units for other systems keep it. */
const usualDataDir = '/var/lib/narwhal'

/**
 * Where the cache has to lie so that it has the room the advice counts with: on the filesystem whose
 * free space was looked at.
 *
 * @returns undefined where that is the usual place, or nobody knows better
 */
export function dataDirOn({ type, mountPoint }: StoreFilesystem): string | undefined {
  if (mountPoint === undefined || !/^\/[A-Za-z0-9/._-]+$/.test(mountPoint)) return undefined
  if (`${usualDataDir}/`.startsWith(`${mountPoint}/`)) return undefined
  // Subvolumes of one btrfs share its room; and nothing but Nix writes into the store.
  if (type === 'btrfs' || mountPoint.startsWith('/nix/store')) return undefined
  return `${mountPoint.replace(/\/$/, '')}/narwhal`
}
