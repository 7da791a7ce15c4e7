import { expect, test } from 'vitest'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { referencesFirst } from '../../src/policy/references-first.ts'

/** Paths of one letter each; "b: a z" refers to a and z. */
function graph(...lines: string[]) {
  const paths = lines.map((line) => {
    const [name = '', ...references] = line.split(/:? /)
    return [name as StoreHash, { name, references: references as StoreHash[] }] as const
  })
  return new Map(paths)
}

const orderOf = (...lines: string[]) =>
  [...referencesFirst(graph(...lines))].map(({ name }) => name).join(' ')

test("each path comes after all it refers to, in Nix's own order", () => {
  expect(orderOf('a: c', 'b: d c', 'c: e', 'd', 'e')).toBe('e c a d b')
})

test('references that are not among the paths are passed over', () => {
  expect(orderOf('b: a z', 'c: b x')).toBe('b c')
})

test('a circle, which no store has, ends all the same', () => {
  expect(orderOf('a: b', 'b: c', 'c: a')).toBe('c b a')
})

test('a chain far deeper than the stack is ordered', () => {
  const name = (at: number) => String(at).padStart(6, '0')
  const lines = Array.from({ length: 100_000 }, (_, at) => `${name(at)}: ${name(at + 1)}`)
  expect([...referencesFirst(graph(...lines))][0]?.name).toBe(name(99_999))
})
