import { setTimeout as delay } from 'node:timers/promises'
import { isAppError, upstreamTroubles } from '../errors.ts'
import type { Upstream } from './upstream.ts'

export interface Patience {
  /** Those whose answer is waited for. */
  readonly awaited: () => readonly Upstream[]
  /** How long to hold out for an upstream that has gone away, in milliseconds. */
  readonly patienceMs: number
  readonly signal: AbortSignal
  /** Ends the work when no client waits for it. @returns true when it has ended */
  readonly giveUp?: () => boolean
}

/** Faults that pass by themselves once the network or an upstream is back. */
const passing = ['NO_ANSWER', ...upstreamTroubles] as const

const pauseMs = { least: 150, most: 350 }

/**
 * Does something anew while no upstream can be asked, so that a short outage stays unseen.
 *
 * The wait is measured from when the last upstream went away, not from the request: through a long
 * outage requests fail at once instead of waiting one after the other.
 *
 * @param lastProgress when it last got further, by performance.now()
 * @throws the last fault once the wait is over; any other fault at once
 */
export async function persist<T>(
  work: () => Promise<T>,
  lastProgress: () => number,
  { awaited, patienceMs, signal, giveUp }: Patience,
): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isAppError(error, ...passing) || signal.aborted || giveUp?.()) throw error
      if (performance.now() > (allAwaySince(awaited()) ?? lastProgress()) + patienceMs) throw error
    }
    const pause = pauseMs.least + Math.random() * (pauseMs.most - pauseMs.least)
    await delay(pause, undefined, { signal })
  }
}

/** When the last of them went away; undefined while any is there. */
function allAwaySince(upstreams: readonly Upstream[]): number | undefined {
  let latest: number | undefined
  for (const { source } of upstreams) {
    if (source.awaySince === undefined) return undefined
    latest = Math.max(latest ?? 0, source.awaySince)
  }
  return latest
}
