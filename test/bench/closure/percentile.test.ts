import { expect, test } from 'vitest'
import { percentile } from '../../../bench/closure/percentile.ts'

const hundred = Array.from({ length: 100 }, (_, place) => 100 - place)

test('99 of 100 figures do not exceed the 99th percentile', () => {
  expect(percentile(hundred, 0.99)).toBe(99)
  expect(percentile(hundred, 1)).toBe(100)
  expect(percentile(hundred, 0.5)).toBe(50)
})

test('few figures: the biggest', () => {
  expect(percentile([3, 1, 2], 0.99)).toBe(3)
})

test('no figures have none', () => {
  expect(percentile([], 0.99)).toBeNaN()
})
