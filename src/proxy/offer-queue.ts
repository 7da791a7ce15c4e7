import type { NarOffer } from './nar-plan.ts'

/** Places to get a file from, of which the next may still have to be asked for. */
export interface Offers {
  /** Settles once `take` knows the next place. */
  ready(): Promise<void>
  /** To be called after `ready`. @returns undefined when no place is left */
  take(): NarOffer | undefined
}

/** The places still to be tried: new ones, and those that deserve another try. */
export class OfferQueue implements Offers {
  readonly #offers: AsyncIterator<NarOffer>
  readonly #again: NarOffer[] = []
  readonly #last: NarOffer[] = []
  #next: NarOffer | undefined
  #asking: Promise<void> | undefined
  #isExhausted = false

  constructor(offers: AsyncIterable<NarOffer>) {
    this.#offers = offers[Symbol.asyncIterator]()
  }

  /** To be tried again before all others. */
  putBack(offer: NarOffer): void {
    this.#again.push(offer)
  }

  /** To be tried after all others. */
  putLast(offer: NarOffer): void {
    this.#last.push(offer)
  }

  async ready(): Promise<void> {
    if (this.#again.length > 0 || this.#next || this.#isExhausted) return
    // Whoever asked for it may have found what he wanted elsewhere: then it is for the next.
    this.#asking ??= this.#ask()
    await this.#asking
  }

  take(): NarOffer | undefined {
    const again = this.#again.pop()
    if (again) return again
    const next = this.#next
    this.#next = undefined
    return next ?? this.#last.shift()
  }

  async #ask(): Promise<void> {
    try {
      const { done, value } = await this.#offers.next()
      if (done) this.#isExhausted = true
      else this.#next = value
    } finally {
      this.#asking = undefined
    }
  }
}

/** One place, and no other. */
export function onlyOne(offer: NarOffer): Offers {
  let left: NarOffer | undefined = offer
  return {
    ready: async () => {},
    take() {
      const one = left
      left = undefined
      return one
    },
  }
}
