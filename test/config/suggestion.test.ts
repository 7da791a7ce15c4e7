import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearest } from '../../src/config/suggestion.ts'

const names = ['max_size', 'min_free', 'memory', 'priority', 'store_dir']

test.each([
  ['max_sise', 'max_size'],
  ['maxSize', 'max_size'],
  ['max-size', 'max_size'],
  ['MAX_SIZE', 'max_size'],
  ['priorty', 'priority'],
  ['mem', 'memory'],
  ['sotre_dir', 'store_dir'],
])('takes %s for %s', (name, meant) => {
  expect(nearest(name, names)).toBe(meant)
})

test.each(['', '_', 'x', 'colour', 'constructor', '__proto__', 'a'.repeat(1000)])(
  'guesses nothing for %j',
  (name) => {
    expect(nearest(name, names)).toBeUndefined()
  },
)

test('a swap of neighbours is one slip', () => {
  expect(editDistance('lsiten', 'listen')).toBe(1)
  expect(editDistance('kitten', 'sitting')).toBe(3)
})

test('the distance is a distance: none to itself, the same both ways, never past the longer', () => {
  const word = fc.string({ maxLength: 12 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, a)).toBe(0)
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
      expect(editDistance(a, b) === 0).toBe(a === b)
    }),
  )
})
