/**
 * Whether an upstream is worth asking. Three faults in a row open the breaker: requests then fail at
 * once instead of waiting for timeouts, and probes alone find out when it is back.
 */
export type Breaker =
  | { readonly state: 'closed'; readonly faults: number }
  | {
      readonly state: 'open'
      /** When it opened, by a clock that never jumps, in milliseconds. */
      readonly since: number
      /** When to probe next, by the same clock. */
      readonly probeAt: number
      readonly probes: number
    }

export const closedBreaker: Breaker = { state: 'closed', faults: 0 }

const faultsToOpen = 3
const firstProbeMs = 1_000
const maxProbeMs = 30_000
const maxRetryAfterMs = 60_000

/**
 * @param retryAfterMs how long the upstream asked to be left alone; opens the breaker at once
 */
export function afterFault(breaker: Breaker, now: number, retryAfterMs?: number): Breaker {
  if (breaker.state === 'open') return breaker
  const faults = breaker.faults + 1
  if (retryAfterMs === undefined && faults < faultsToOpen) return { state: 'closed', faults }
  const pauseMs = Math.min(Math.max(retryAfterMs ?? 0, firstProbeMs), maxRetryAfterMs)
  return { state: 'open', since: now, probeAt: now + pauseMs, probes: 0 }
}

/**
 * Each failed probe doubles the pause before the next.
 *
 * @param retryAfterMs how long the upstream asked to be left alone
 */
export function afterFailedProbe(breaker: Breaker, now: number, retryAfterMs = 0): Breaker {
  if (breaker.state === 'closed') return breaker
  const probes = breaker.probes + 1
  const pauseMs = Math.min(firstProbeMs * 2 ** probes, maxProbeMs)
  const askedMs = Math.min(retryAfterMs, maxRetryAfterMs)
  return { ...breaker, probes, probeAt: now + Math.max(pauseMs, askedMs) }
}
