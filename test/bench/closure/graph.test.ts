import { expect, test } from 'vitest'
import { depthOf, drawClosure } from '../../../bench/closure/graph.ts'
import { seededRandom } from '../../../src/cli/demo/random.ts'

const options = { paths: 301, layers: 14, totalBytes: 500e6 }
const nodes = drawClosure(options, seededRandom('test'))

test('the root reaches every path', () => {
  const reached = new Set([nodes.length - 1])
  for (const place of reached)
    for (const other of nodes[place]?.references ?? []) reached.add(other)
  expect(nodes).toHaveLength(301)
  expect(reached.size).toBe(301)
})

test('references go to earlier paths or to the path itself', () => {
  for (const [place, { references }] of nodes.entries())
    expect(Math.max(0, ...references)).toBeLessThanOrEqual(place)
})

test('some path refers to itself', () => {
  expect(nodes.some(({ references }, place) => references.includes(place))).toBe(true)
})

test('it is as deep as asked for', () => {
  expect(depthOf(nodes)).toBeGreaterThanOrEqual(14)
})

test('most paths refer to the first, many to a few others', () => {
  const referrers = nodes.map(
    (_, place) => nodes.filter((node) => node.references.includes(place)).length,
  )
  const popular = referrers.slice(1).filter((count) => count > 25)
  expect(referrers[0]).toBeGreaterThan(240)
  expect(popular.length).toBeGreaterThan(1)
  expect(popular.length).toBeLessThan(15)
})

test('sizes add up to the total, the median far below the mean, the biggest far above', () => {
  const sizes = nodes.map(({ bytes }) => bytes).toSorted((a, b) => a - b)
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0)
  expect(total / options.totalBytes).toBeGreaterThan(0.8)
  expect(total / options.totalBytes).toBeLessThan(1.01)
  expect(sizes[150]).toBeLessThan(total / 301 / 3)
  expect(sizes[300]).toBeGreaterThan(20e6)
})

test('the same seed draws the same, another seed something else', () => {
  expect(drawClosure(options, seededRandom('test'))).toEqual(nodes)
  expect(drawClosure(options, seededRandom('other'))).not.toEqual(nodes)
})

test('a reference to itself makes no chain longer', () => {
  const node = (references: number[]) => ({ name: 'x', references, bytes: 1 })
  expect(depthOf([node([0]), node([0, 1]), node([])])).toBe(2)
})
