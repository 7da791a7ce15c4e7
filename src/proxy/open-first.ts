import { setTimeout as delay } from 'node:timers/promises'
import type { NarBody } from '../nix/source.ts'
import type { NarOffer } from './nar-plan.ts'
import type { Offers } from './offer-queue.ts'

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
  /** Told of each place that says it has no such file. */
  readonly onAbsent: (offer: NarOffer) => void
  /** Told of each place that may have it, but was not needed. */
  readonly onSpare: (offer: NarOffer) => void
  /** No place gets a rival before this has settled. */
  readonly urgent: Promise<void>
  readonly signal: AbortSignal
}

type Event = OpenOffer | 'no body' | 'one more' | 'time for a rival'

/**
 * Opens a file at the first place that answers. A place that is slow to begin gets a rival after two
 * seconds; who answers first is taken, the others are let go.
 *
 * @returns undefined when no place is left that has it
 */
export async function openFirst(
  offers: Offers,
  { open, onFault, onAbsent, onSpare, urgent, signal }: Opening,
): Promise<OpenOffer | undefined> {
  const racing = new Map<AbortController, { offer: NarOffer; attempt: Promise<Event> }>()
  let coming: Promise<Event> | undefined
  let isExhausted = false
  let isOver = false

  function enter(offer: NarOffer): void {
    const abort = new AbortController()
    const run = async (): Promise<Event> => {
      try {
        const body = await open(offer, AbortSignal.any([signal, abort.signal]))
        if (body && racing.has(abort)) return { offer, body, abort }
        if (body) abort.abort()
        else if (racing.has(abort)) onAbsent(offer)
      } catch (error) {
        if (racing.has(abort)) onFault(offer, error)
      }
      racing.delete(abort)
      return 'no body'
    }
    const attempt = run()
    racing.set(abort, { offer, attempt })
  }

  /** Finding the next place may take a question to it: nobody who can answer waits for that. */
  async function takeNext(): Promise<Event> {
    await offers.ready()
    coming = undefined
    // It is for whoever goes on where this one ended.
    const offer = isOver ? undefined : offers.take()
    if (offer) enter(offer)
    else isExhausted = true
    return 'one more'
  }

  async function hedgeTime(): Promise<Event> {
    await Promise.all([urgent, delay(hedgeAfterMs, undefined, { signal, ref: false })])
    return 'time for a rival'
  }

  try {
    for (let event: Event = 'no body'; ; ) {
      signal.throwIfAborted()
      const wantsNext = racing.size === 0 || event !== 'one more'
      if (wantsNext && !isExhausted) coming ??= takeNext()
      if (racing.size === 0 && !coming) return undefined
      const attempts = [...racing.values()].map(({ attempt }) => attempt)
      const mayAskMore = attempts.length > 0 && !coming && !isExhausted
      event = await Promise.race([
        ...attempts,
        ...(coming ? [coming] : []),
        ...(mayAskMore ? [hedgeTime()] : []),
      ])
      if (typeof event === 'object') {
        racing.delete(event.abort)
        return event
      }
    }
  } finally {
    isOver = true
    coming?.catch(() => undefined)
    const losers = [...racing]
    racing.clear()
    for (const [abort, { offer }] of losers) {
      abort.abort()
      onSpare(offer)
    }
  }
}
