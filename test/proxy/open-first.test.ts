import { expect, test } from 'vitest'
import type { NarBody } from '../../src/nix/source.ts'
import type { NarOffer } from '../../src/proxy/nar-plan.ts'
import { OfferQueue } from '../../src/proxy/offer-queue.ts'
import { openFirst } from '../../src/proxy/open-first.ts'

const offer = (url: string) => ({ url }) as NarOffer
const body: NarBody = { size: 1, chunks: (async function* () {})() }
const signal = new AbortController().signal

/** Opens each place as the test says; unnamed ones have no such file. */
function opening(queue: OfferQueue, places: Readonly<Record<string, Promise<NarBody>>>) {
  return openFirst(queue, {
    open: async ({ url }) => places[url],
    onFault: () => undefined,
    onAbsent: () => undefined,
    onSpare: (spare) => queue.putLast(spare),
    urgent: Promise.resolve(),
    signal,
  })
}

test('a place still being asked for when another opened is there for the next try', async () => {
  const found = Promise.withResolvers<void>()
  const slow = Promise.withResolvers<NarBody>()
  const queue = new OfferQueue(
    (async function* () {
      yield offer('a')
      slow.resolve(new Promise((resolve) => setTimeout(resolve, 2_200, body)))
      await found.promise
      yield offer('b')
    })(),
  )
  const first = await opening(queue, { a: slow.promise })
  expect(first?.offer.url).toBe('a')
  const second = opening(queue, { b: Promise.resolve(body) })
  found.resolve()
  expect((await second)?.offer.url).toBe('b')
  expect(await opening(queue, {})).toBeUndefined()
})

test('who was slower than another is tried after all others', async () => {
  const never = new Promise<NarBody>(() => undefined)
  const queue = new OfferQueue(
    (async function* () {
      yield* ['a', 'b', 'c'].map(offer)
    })(),
  )
  const first = await opening(queue, { a: never, b: Promise.resolve(body) })
  expect(first?.offer.url).toBe('b')
  const now = Promise.resolve(body)
  expect((await opening(queue, { a: now, c: now }))?.offer.url).toBe('c')
  expect((await opening(queue, { a: now }))?.offer.url).toBe('a')
  expect(await opening(queue, {})).toBeUndefined()
})
