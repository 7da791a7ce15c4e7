import { expect, test } from 'vitest'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { LookAhead } from '../../src/policy/look-ahead.ts'

const hash = (name: string | number) => String(name) as StoreHash

test('first come, first fetched, and nothing twice', () => {
  const ahead = new LookAhead()
  for (const name of ['a', 'b', 'a', 'c']) ahead.add(hash(name), 0)
  expect([ahead.next(0, 0), ahead.next(0, 0)]).toEqual(['a', 'b'])
  ahead.add(hash('a'), 1)
  expect([ahead.next(0, 1), ahead.next(0, 1)]).toEqual(['c', undefined])
})

test('runs no more than 512 narinfos ahead of the clients', () => {
  const ahead = new LookAhead()
  for (let at = 0; at < 600; at += 1) ahead.add(hash(at), 0)
  for (let at = 0; at < 510; at += 1) ahead.fetched(ahead.next(0, 0) as StoreHash, 10, 0)
  expect(ahead.next(2, 0)).toBeUndefined()
  expect(ahead.next(1, 0)).toBe('510')
  expect(ahead.unasked).toBe(510)
  expect(ahead.asked(hash(3))).toBe(10)
  expect(ahead.asked(hash(3))).toBeUndefined()
  expect(ahead.next(2, 0)).toBe('511')
})

test('what a client asks for itself is not fetched ahead', () => {
  const ahead = new LookAhead()
  ahead.add(hash('a'), 0)
  ahead.asked(hash('a'))
  expect(ahead.next(0, 0)).toBeUndefined()
})

test('gives up after a minute what nobody asked for, and what waited so long', () => {
  const ahead = new LookAhead()
  ahead.fetched(hash('a'), 100, 0)
  ahead.fetched(hash('b'), 200, 30_000)
  ahead.add(hash('c'), 30_000)
  expect(ahead.expire(59_999)).toEqual({ narinfos: 0, bytes: 0 })
  expect(ahead.expire(60_000)).toEqual({ narinfos: 1, bytes: 100 })
  expect(ahead.expire(90_000)).toEqual({ narinfos: 1, bytes: 200 })
  expect(ahead.next(0, 90_000)).toBeUndefined()
})

test('of too many that wait, the oldest go', () => {
  const ahead = new LookAhead()
  for (let at = 0; at < 5000; at += 1) ahead.add(hash(at), 0)
  expect(ahead.next(0, 0)).toBe(String(5000 - 4096))
})
