import { isAppError } from '../errors.ts'
import type { NarinfoAnswer, NarinfoOrigin } from '../proxy/narinfos.ts'
import type { OpenNar } from '../proxy/nars.ts'
import type { ByteSource, RequestResult, Telemetry } from '../telemetry.ts'
import type { Refusal, Target } from './gate.ts'

/** How a request for a narinfo ended. */
export function resultOf({ text, origin, isShared }: NarinfoAnswer): RequestResult {
  if (origin === 'stale') return 'stale'
  if (!text) return 'negative'
  if (origin !== 'upstream') return 'hit'
  return isShared ? 'coalesced' : 'miss'
}

/** What its bytes count as. */
export const sourceOf: Readonly<Record<NarinfoOrigin, ByteSource>> = {
  memory: 'memory',
  disk: 'disk',
  upstream: 'download',
  stale: 'memory',
}

/** How a request for a NAR will end, if nothing breaks it. */
export function narResultOf({ origin, isShared }: Omit<OpenNar, 'reader'>): RequestResult {
  if (origin === 'disk') return 'hit'
  return isShared ? 'coalesced' : 'miss'
}

/** Counts a request that ended in a fault: one whose answer had begun was counted then. */
export function countFault(
  error: unknown,
  {
    telemetry,
    target,
    hasBegun,
  }: {
    readonly telemetry: Telemetry
    readonly target: Target | Refusal
    readonly hasBegun: boolean
  },
): void {
  const isGone = isAppError(error, 'CLIENT_GONE')
  if (!hasBegun) telemetry.requests[kindOf(target)][isGone ? 'aborted' : 'failed'] += 1
  else if (!isGone) telemetry.brokenResponses += 1
  if (isAppError(error, 'BUSY')) telemetry.shedRequests += 1
}

function kindOf({ kind }: Target | Refusal): 'narinfo' | 'nar' | 'cache-info' | 'other' {
  return kind === 'narinfo' || kind === 'nar' || kind === 'cache-info' ? kind : 'other'
}
