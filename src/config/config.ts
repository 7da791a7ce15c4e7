import type { Amount } from '../units.ts'

/** Where to listen; `host` of an IPv6 address has no brackets, `port` 0 lets the system choose. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** One cache behind this one. */
export interface UpstreamConfig {
  /** http(s):// or file://, normalised, without a trailing slash or credentials */
  readonly url: string
  /** lower is asked first, as everywhere in Nix */
  readonly priority: number
  /** keys trusted for this upstream only, as "name:base64" */
  readonly publicKeys: readonly string[]
  readonly username?: string | undefined
  readonly passwordFile?: string | undefined
  readonly bearerTokenFile?: string | undefined
  readonly caFile?: string | undefined
  readonly verify: Verify
}

export const verifications = ['signature', 'none'] as const
export type Verify = (typeof verifications)[number]

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export const logFormats = ['auto', 'json', 'text'] as const
export type LogFormat = (typeof logFormats)[number]

/** Everything that can be set, checked and frozen; a mirror of config/narwhal.toml. */
export interface Config {
  readonly listen: readonly Address[]
  /** relative to the working directory unless absolute */
  readonly dataDir: string
  /** keys trusted for every upstream, as "name:base64" */
  readonly trustedPublicKeys: readonly string[]
  readonly netrcFile?: string | undefined
  readonly cache: {
    readonly maxSize: Amount
    readonly minFree: Amount
    readonly memoryBytes: number
    readonly priority: number
    readonly storeDir: string
    readonly negativeTtlMs: number
  }
  /** in the order given; never empty */
  readonly upstreams: readonly UpstreamConfig[]
  readonly prefetch: {
    readonly narinfos: boolean
    readonly nars: boolean
    readonly maxConcurrent: number
  }
  readonly recompress: {
    readonly enabled: boolean | 'auto'
    /** of zstd */
    readonly level: number
    readonly workers: number
  }
  readonly signing: { readonly keyFile?: string | undefined }
  readonly auth: { readonly tokensFile?: string | undefined }
  readonly log: { readonly level: LogLevel; readonly format: LogFormat }
  readonly limits: {
    readonly maxClients: number
    readonly upstreamConnections: number
    readonly maxDownloads: number
    readonly maxUploadBytes: number
    readonly patienceMs: number
    readonly drainMs: number
  }
}
