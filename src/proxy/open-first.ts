import { setTimeout as delay } from 'node:timers/promises'
import type { NarBody } from '../nix/source.ts'
import type { NarOffer } from './nar-plan.ts'

/** How long one upstream may take to begin before the next is asked as well. */
const hedgeAfterMs = 2_000

export interface OpenOffer {
  readonly offer: NarOffer
  readonly body: NarBody
  /** Ends the body. */
  readonly abort: AbortController
}

export interface Opening {
  /** Opens the file at one place; undefined when it is not there. */
  readonly open: (offer: NarOffer, signal: AbortSignal) => Promise<NarBody | undefined>
  /** Told of each place that failed. */
  readonly onFault: (offer: NarOffer, error: unknown) => void
  /** No place gets a rival before this has settled. */
  readonly urgent: Promise<void>
  readonly signal: AbortSignal
}

/**
 * Opens a file at the first place that answers. A place that is slow to begin gets a rival after two
 * seconds; who answers first is taken, the other is let go.
 *
 * @returns undefined when no place is left that has it
 */
export async function openFirst(
  offers: AsyncIterator<NarOffer>,
  { open, onFault, urgent, signal }: Opening,
): Promise<OpenOffer | undefined> {
  const racing = new Map<AbortController, Promise<OpenOffer | undefined>>()

  function enter(offer: NarOffer): void {
    const abort = new AbortController()
    const run = async () => {
      try {
        const body = await open(offer, AbortSignal.any([signal, abort.signal]))
        if (!body) return undefined
        if (racing.has(abort)) return { offer, body, abort }
        abort.abort()
      } catch (error) {
        if (racing.has(abort)) onFault(offer, error)
      }
      return undefined
    }
    const attempt = run().then((opened) => {
      if (!opened) racing.delete(abort)
      return opened
    })
    racing.set(abort, attempt)
  }

  async function hedgeTime(): Promise<undefined> {
    const both = [urgent, delay(hedgeAfterMs, undefined, { signal, ref: false })]
    await Promise.all(both)
  }

  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await offers.next()
      if (!next.done) enter(next.value)
      else if (racing.size === 0) return undefined
      const opened = await Promise.race([...racing.values(), ...(next.done ? [] : [hedgeTime()])])
      if (opened) {
        racing.delete(opened.abort)
        return opened
      }
    }
  } finally {
    const losers = [...racing.keys()]
    racing.clear()
    for (const loser of losers) loser.abort()
  }
}
