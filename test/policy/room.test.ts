import { expect, test } from 'vitest'
import { bytesToEvict } from '../../src/policy/room.ts'

const empty = {
  usedBytes: 0,
  reservedBytes: 0,
  incomingBytes: 0,
  maxBytes: 1000,
  freeBytes: 10_000,
  minFreeBytes: 500,
}

test('nothing leaves while everything fits', () => {
  expect(bytesToEvict({ ...empty, usedBytes: 900, incomingBytes: 100 })).toBe(0)
})

test('what is over the cap leaves, promised bytes counted', () => {
  const facts = { ...empty, usedBytes: 800, reservedBytes: 150, incomingBytes: 100 }
  expect(bytesToEvict(facts)).toBe(50)
})

test('the free-space floor holds whatever the cap says', () => {
  const facts = { ...empty, usedBytes: 600, incomingBytes: 100, freeBytes: 550 }
  expect(bytesToEvict(facts)).toBe(50)
})

test('an object that can never fit is told apart from one that needs room', () => {
  expect(bytesToEvict({ ...empty, usedBytes: 900, incomingBytes: 1001 })).toBeUndefined()
  expect(bytesToEvict({ ...empty, usedBytes: 900, incomingBytes: 1000 })).toBe(900)
})

test('where nothing comes in, all that can leave does, also when that is not enough', () => {
  expect(bytesToEvict({ ...empty, usedBytes: 1500, originBytes: 1200 })).toBe(300)
  expect(bytesToEvict({ ...empty, usedBytes: 100, freeBytes: 50 })).toBe(100)
})
