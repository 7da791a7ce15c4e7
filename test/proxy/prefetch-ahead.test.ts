import { expect, test } from 'vitest'
import { Client } from '../../src/policy/intent.ts'
import { AheadNars } from '../../src/proxy/prefetch-ahead.ts'
import { createTelemetry } from '../../src/telemetry.ts'

/** Long after it was fetched. */
const later = performance.now() + 3_600_000

function subject() {
  const counters = createTelemetry().prefetch.nar
  const ahead = new AheadNars(counters)
  const client = new Client('a', 0)
  ahead.begin('x.nar', 1000, client)
  return { ahead, client, counters }
}

test('what a client may still come to is not in vain while it downloads', () => {
  const { ahead, client, counters } = subject()
  ahead.expire(later, () => true)
  expect([ahead.count, counters.wasted]).toEqual([1, 0])
  ahead.letGo(client, later)
  ahead.expire(later + 299_999, () => false)
  expect(ahead.count).toBe(1)
  ahead.expire(later + 300_000, () => false)
  expect([ahead.count, counters.wasted]).toEqual([0, 1])
})

test('what it has passed is, five minutes later', () => {
  const { ahead, client, counters } = subject()
  ahead.passed('x.nar', client, later)
  ahead.expire(later + 299_999, () => true)
  expect(ahead.count).toBe(1)
  ahead.expire(later + 300_000, () => true)
  expect([ahead.count, counters.wasted]).toEqual([0, 1])
})
