import { expect, test } from 'vitest'
import { formatDuration } from '../src/units.ts'

test.each([
  [0, '0s'],
  [999, '0s'],
  [59_000, '59s'],
  [60_000, '1m 0s'],
  [3_725_000, '1h 2m'],
  [90_000_000, '1d 1h'],
  [8_640_000_000, '100d 0h'],
])('%i milliseconds are written for people as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})
