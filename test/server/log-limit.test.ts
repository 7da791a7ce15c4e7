import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LogLimit } from '../../src/server/log-limit.ts'

const perWindow = 20
const windowMs = 10_000
const mostClasses = 201

function limitWithSummaries() {
  const summaries: [number, string][] = []
  const limit = new LogLimit(({ suppressed }, example) => summaries.push([suppressed, example]))
  return { limit, summaries }
}

function admitted(limit: LogLimit, count: number, line: (number: number) => string): number {
  let lines = 0
  for (let number = 0; number < count; number += 1)
    if (limit.admits('info', {}, line(number))) lines += 1
  return lines
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('lines that differ in numbers and hashes alone are of one class', () => {
  const { limit, summaries } = limitWithSummaries()
  const hash = (number: number) => String(number).padStart(32, '0')
  expect(admitted(limit, 1000, (n) => `took ${n} ms for ${hash(n)}.narinfo`)).toBe(perWindow)
  expect(summaries).toEqual([])
  vi.advanceTimersByTime(windowMs)
  expect(summaries).toEqual([[1000 - perWindow, expect.stringMatching(/^took 20 ms/)]])
})

test('a code makes a class whatever the words, one for each upstream and level', () => {
  const { limit } = limitWithSummaries()
  const admits = (level: string, upstream: string, message: string) =>
    limit.admits(level, { code: 'CORRUPT', upstream }, message)
  for (let number = 0; number < perWindow; number += 1)
    expect(admits('warn', 'a', 'x'.repeat(number))).toBe(true)
  expect(admits('warn', 'a', 'something else')).toBe(false)
  expect(admits('warn', 'b', 'x')).toBe(true)
  expect(admits('error', 'a', 'x')).toBe(true)
})

test('each window starts afresh', () => {
  const { limit } = limitWithSummaries()
  expect(admitted(limit, 100, () => 'again')).toBe(perWindow)
  vi.advanceTimersByTime(windowMs)
  expect(admitted(limit, 100, () => 'again')).toBe(perWindow)
})

test('lines that have nothing in common do not get past it either', () => {
  const { limit } = limitWithSummaries()
  const word = (number: number) =>
    number.toString(36).replaceAll(/\d/g, (d) => 'abcdefghij'[+d] ?? '')
  const lines = admitted(limit, 100_000, (number) => `${word(number)} ${word(number * 31)}`)
  expect(lines).toBeLessThan(mostClasses * perWindow)
})
