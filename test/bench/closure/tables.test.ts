import { expect, test } from 'vitest'
import {
  formatCosts,
  formatStreams,
  formatTimes,
  formatVerdicts,
} from '../../../bench/closure/tables.ts'
import { goodResults } from './sample-results.ts'

const good = goodResults()
const rowOf = (table: string, title: string) =>
  (table.split('\n').find((line) => line.startsWith(`| ${title}`)) ?? '').replaceAll(/ +/g, ' ')

test('times are medians with their range, and ratios of medians', () => {
  expect(rowOf(formatTimes(good), 'nix copy, cold')).toBe(
    '| nix copy, cold | 21.0 (20.0–22.0) | 25.0 (25.0–25.0) | 4.0 (4.0–4.0) | 5.25 × | 6.25 × |',
  )
})

test('what recompression gains is held against nginx, warm', () => {
  expect(rowOf(formatTimes(good), 'nix copy, recompressed')).toContain('| – | 5.00 × |')
})

test('what was not measured is a dash', () => {
  const none = { ...good, closures: [] }
  expect(rowOf(formatTimes(none), 'nix copy, cold')).toBe('| nix copy, cold | – | – | – | – | – |')
})

test('a contestant that fetches nothing ahead has a dash there', () => {
  expect(rowOf(formatCosts(good), 'nix copy, cold, nginx')).toMatch(/\| – \| – \|$/)
  expect(rowOf(formatCosts(good), 'nix copy, cold, narwhal')).toMatch(/\| 100 MB \| 1.0 MB \|$/)
})

test('verdicts say reached, missed or not measured', () => {
  expect(rowOf(formatVerdicts(good), 'nix copy, cold, as fast as direct')).toContain('| reached |')
  expect(rowOf(formatVerdicts({ ...good, hot: [] }), 'hot')).toContain('| – | not measured |')
})

test('no table is wider than 120 columns', () => {
  for (const format of [formatTimes, formatCosts, formatStreams, formatVerdicts])
    for (const line of format(good).split('\n')) expect(line.length).toBeLessThanOrEqual(120)
})
