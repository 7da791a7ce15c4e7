import { options as narwhalOptions } from '../config/options.ts'
import type { Assignment } from './module-text.ts'

/** The list replaces narwhal's own, so the key of cache.nixos.org has to stand in it. */
export function narwhalTrustedKeys(publicKeys: readonly string[]): readonly string[] {
  return [...new Set([...(narwhalOptions.trustedPublicKeys.default as string[]), ...publicKeys])]
}

/** Keys besides the one NixOS trusts by itself. */
export function trustedKeys(publicKeys: readonly string[]): Assignment[] {
  if (publicKeys.length === 0) return []
  return [
    {
      path: ['nix', 'settings', 'trusted-public-keys'],
      value: publicKeys,
      because: 'Believed besides the key of cache.nixos.org.',
    },
  ]
}
