import type { KeyRing } from '../nix/signature.ts'
import type { UpstreamCounters } from '../telemetry.ts'
import type { GuardedSource } from '../upstream/guarded.ts'

/** A source, with how far it is preferred and trusted. */
export interface Upstream {
  readonly source: GuardedSource
  /** Lower is preferred. */
  readonly priority: number
  /** Keys whose signatures are good enough for what comes from here. */
  readonly keys: KeyRing
  readonly verify: 'signature' | 'none'
  readonly counters: UpstreamCounters
}
