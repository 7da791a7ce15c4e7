import type { Statement } from './verdict.ts'

/** One setting advised for a machine, with the reason it has this value. */
export interface Setting {
  /** as the file writes it: "cache.max_size", "max-jobs", 'boot.kernel.sysctl."vm.swappiness"' */
  readonly key: string
  readonly value: string | number | boolean
  readonly because: Statement
  /** for NixOS options: the parts of the key, unquoted */
  readonly path?: readonly string[]
  /** the first release of Nix in which it can be used */
  readonly minimumNix?: string
}
