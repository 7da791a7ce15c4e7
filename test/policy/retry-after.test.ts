import { expect, test } from 'vitest'
import { parseRetryAfter } from '../../src/policy/retry-after.ts'

const now = Date.UTC(1994, 10, 6, 8, 49, 37)

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Sun, 06 Nov 1994 08:50:37 GMT', 60_000],
  ['Sunday, 06-Nov-94 08:50:37 GMT', 60_000],
  ['Sun Nov  6 08:50:37 1994 GMT', 60_000],
  ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('%j', (header, ms) => {
  expect(parseRetryAfter(header, now)).toBe(ms)
})
