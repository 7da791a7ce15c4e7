import { expect, test } from 'vitest'
import { openCongestionWindow } from '../../../bench/closure/congestion-window.ts'

const rttMs = 40
const initial = 14_480

/** Sends all it may, once in each round trip. */
function sendAll(rounds: number) {
  const window = openCongestionWindow(rttMs)
  const sent: number[] = []
  let nowMs = 0
  for (; sent.length < rounds; nowMs += rttMs) {
    const bytes = window.room(nowMs)
    window.sent(bytes, nowMs, nowMs + rttMs)
    sent.push(bytes)
  }
  return { window, sent, nowMs }
}

test('a window doubles with each round trip', () => {
  expect(sendAll(4).sent).toEqual([initial, 2 * initial, 4 * initial, 8 * initial])
})

test('nothing more leaves before an acknowledgement', () => {
  const window = openCongestionWindow(rttMs)
  expect(window.nextAckMs).toBeUndefined()
  window.sent(initial, 0, 40)
  expect(window.room(39)).toBe(0)
  expect(window.nextAckMs).toBe(40)
  expect(window.room(40)).toBe(2 * initial)
})

test('who sends little learns nothing', () => {
  const window = openCongestionWindow(rttMs)
  for (let nowMs = 0; nowMs < 10 * rttMs; nowMs += rttMs) {
    expect(window.room(nowMs)).toBe(initial)
    window.sent(1_000, nowMs, nowMs + rttMs)
  }
})

test('a pause halves it, down to where it began', () => {
  const { window, nowMs } = sendAll(4)
  const lastMs = nowMs - rttMs
  expect(window.room(lastMs + 239)).toBe(16 * initial)
  expect(window.room(lastMs + 240)).toBe(8 * initial)
  expect(window.room(lastMs + 241)).toBe(8 * initial)
  expect(window.room(lastMs + 480)).toBe(4 * initial)
  expect(sendAll(4).window.room(lastMs + 60_000)).toBe(initial)
})
