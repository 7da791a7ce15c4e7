import { readdir, readlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { isAppError } from '../errors.ts'
import { parseBaseName, type StorePath } from '../nix/store-path.ts'

const storeDir = '/nix/store'

/**
 * The packages in this machine's Nix store, the running system first where it is NixOS; no
 * derivations, no sources.
 *
 * @returns none where there is no store
 */
export async function listOwnStore(): Promise<StorePath[]> {
  const system = await readlink('/run/current-system').catch(() => undefined)
  const names = await readdir(storeDir).catch(() => [])
  const all = system === undefined ? names : [basename(system), ...names]
  return [...new Set(all)].flatMap((name) => {
    if (/\.(drv|lock|chroot|tmp)$/.test(name)) return []
    try {
      return [parseBaseName(name)]
    } catch (error) {
      if (isAppError(error, 'BAD_STORE_PATH')) return []
      throw error
    }
  })
}
