import type { Reason } from './comment.ts'

/** One setting the advice gives, as plain data. */
export interface AdvisedSetting {
  /** as the file writes it: "cache.max_size", "max-jobs" */
  readonly key: string
  readonly value: string | number | boolean
  readonly because: Reason
  /** of a NixOS option: the parts of the key */
  readonly path?: readonly string[]
  /** the first release of Nix that knows it */
  readonly minimumNix?: string
}

/** The filesystem that holds the Nix store. */
export interface StoreFilesystem {
  readonly type: string | undefined
  readonly mountPoint: string | undefined
  readonly mountOptions: readonly string[]
}

/** Another machine that builds for this one. */
export interface BuildMachine {
  readonly host: string
  readonly user: string
  /** what it may build at once; undefined: nobody said */
  readonly maxJobs: number | undefined
}

/** How clients come to this machine: an interface of a private network, or why none is opened. */
export type LanAccess = { readonly interface: string } | { readonly whyClosed: string }

/** Everything generated configuration is made of. */
export interface WantedConfig {
  /** the machine in a few words */
  readonly machine: string
  /** the command that makes the files anew */
  readonly command: string
  readonly role: 'proxy' | 'cache' | 'builder'
  /** an honest word at the top, where the machine is too small for the role */
  readonly warning: string | undefined
  readonly nixVersion: string | undefined
  /** "x86_64-linux"; undefined: not known */
  readonly platform: string | undefined
  readonly narwhal: readonly AdvisedSetting[]
  readonly nix: readonly AdvisedSetting[]
  readonly clientNix: readonly AdvisedSetting[]
  readonly system: readonly AdvisedSetting[]
  readonly lan: LanAccess
  readonly storeFilesystem: StoreFilesystem
  /** where clients find caches, nearest first: "http://cache.lan:5000" */
  readonly serverAddresses: readonly string[]
  /** keys clients believe besides the one of cache.nixos.org, "name:base64" */
  readonly publicKeys: readonly string[]
  /** caches between this one and cache.nixos.org, nearest first */
  readonly upstreams: readonly string[]
  readonly signingKeyFile: string | undefined
  readonly buildMachine: BuildMachine | undefined
  /** of --tune: the link's rate, or undefined where nobody knows it; memory bounds the buffers */
  readonly tuning:
    | { readonly bitsPerSecond: number | undefined; readonly memoryBytes: number }
    | undefined
}
