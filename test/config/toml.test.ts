import { expect, test } from 'vitest'
import { parseToml } from '../../src/config/toml.ts'

const mistakesIn = (text: string) =>
  parseToml(text, 'f').mistakes.map(({ line, key, message, suggestion }) => ({
    line,
    key,
    text: suggestion ? `${message} ${suggestion}` : message,
  }))

test('tells the line and key of broken TOML', () => {
  expect(mistakesIn('a = 1\n\nb = "x" y\n')).toEqual([
    { line: 3, key: 'b', text: expect.stringContaining('broken TOML: ') },
  ])
})

test('tells every broken statement, not just the first', () => {
  const text = 'a = \n[t]\nb = "open\nc = 1\nc = 2\n[t]\nd = = 1\n[u]\ne 1\n'
  expect(mistakesIn(text).map(({ line }) => line)).toEqual([1, 3, 5, 6, 9])
})

test('keeps everything that is sound', () => {
  const { table } = parseToml('a = 1\nb = \n[t]\nc = "open\nd = 2\n', 'f')
  expect(table).toEqual({ a: 1, t: { d: 2 } })
})

test('text without quotes is told so, with the quotes', () => {
  expect(mistakesIn('max_size = 50GiB # room\ndir = /var/lib\n')).toEqual([
    { line: 1, key: 'max_size', text: 'text needs quotes "50GiB"' },
    { line: 2, key: 'dir', text: 'text needs quotes "/var/lib"' },
  ])
})

test('a key given twice is told at its second place', () => {
  expect(mistakesIn('[a]\nx = 1\nx = 2\n')).toEqual([
    { line: 3, key: 'a.x', text: 'is given twice' },
  ])
})

test('an open list is told once, and does not hide what is wrong in the next table', () => {
  const text = 'list = [\n  "a"\n  "b",\n]\nx = 1\n[t]\ny = no\n'
  expect(mistakesIn(text).map(({ line }) => line)).toEqual([3, 7])
})

test('the keys below a broken header do not land in the table above', () => {
  const { table, mistakes } = parseToml('[a]\nx = 1\n[b\ny = 2\n[c]\nz = 3\n', 'f')
  expect(table).toEqual({ a: { x: 1 }, c: { z: 3 } })
  expect(mistakes).toHaveLength(1)
})

test('gives up after a bounded number of mistakes', () => {
  expect(mistakesIn('x y\n'.repeat(5000))).toHaveLength(20)
})

test('refuses a text no configuration is as large as', () => {
  expect(mistakesIn('#'.repeat(1024 * 1024 + 1))).toEqual([
    { line: undefined, key: '', text: 'is larger than 1 MiB' },
  ])
})
