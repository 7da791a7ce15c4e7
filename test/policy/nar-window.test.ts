import { expect, test } from 'vitest'
import { NarWindow } from '../../src/policy/nar-window.ts'

test('grows by one with each NAR used, up to 256', () => {
  const window = new NarWindow()
  expect(window.size(0)).toBe(8)
  window.used(1)
  expect(window.size(0)).toBe(9)
  for (let time = 0; time < 1000; time += 1) window.used(1)
  expect(window.size(0)).toBe(256)
})

test('halves with each NAR wasted, down to one', () => {
  const window = new NarWindow()
  for (let time = 0; time < 92; time += 1) window.used(100)
  const sizes = Array.from({ length: 8 }, () => {
    window.wasted(1, 0)
    return window.size(0)
  })
  expect(sizes).toEqual([50, 25, 12, 6, 3, 1, 1, 1])
})

test('closes for ten minutes when more than a quarter of the bytes was wasted', () => {
  const window = new NarWindow()
  for (let time = 0; time < 7; time += 1) window.used(100)
  window.wasted(233, 1000)
  expect(window.size(1000)).toBe(7)
  window.wasted(1, 1000)
  expect(window.size(1000)).toBe(0)
  expect(window.size(600_999)).toBe(0)
  expect(window.size(601_000)).toBe(8)
})

test('a few wasted at the beginning do not close it', () => {
  const window = new NarWindow()
  for (let time = 0; time < 7; time += 1) window.wasted(100, 0)
  expect(window.size(0)).toBe(1)
  window.wasted(100, 0)
  expect(window.size(0)).toBe(0)
})

test('what lies far back counts less', () => {
  const window = new NarWindow()
  for (let time = 0; time < 2000; time += 1) window.used(100)
  for (let time = 0; time < 80; time += 1) window.wasted(100, 0)
  expect(window.size(0)).toBe(0)
})
