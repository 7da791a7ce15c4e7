import { expect, test } from 'vitest'
import { chooseNext } from '../../src/codec/check-slots.ts'

const growing = (name: string) => ({ name, progress: { bytes: 1, isComplete: false } })
const complete = (name: string) => ({ name, progress: { bytes: 1, isComplete: true } })
const unbegun = (name: string) => ({ name, progress: { bytes: 0, isComplete: false } })

test('takes them in the order they came', () => {
  expect(chooseNext([growing('a'), complete('b')], [], 2)?.name).toBe('a')
})

test('starts none when all slots are taken', () => {
  expect(chooseNext([complete('c')], [growing('a'), complete('b')], 2)).toBeUndefined()
})

test('keeps the last slot for complete files', () => {
  const running = [growing('a'), growing('b')]
  expect(chooseNext([growing('c')], running, 3)).toBeUndefined()
  expect(chooseNext([growing('c'), complete('d')], running, 3)?.name).toBe('d')
})

test('lets a growing file use the last slot of all when complete ones hold the rest', () => {
  expect(chooseNext([growing('c')], [complete('a'), growing('b')], 3)?.name).toBe('c')
})

test('what is fed without waiting for the network counts as complete', () => {
  const here = (name: string) => ({ ...growing(name), isHere: true })
  expect(chooseNext([growing('b'), here('c')], [growing('a')], 2)?.name).toBe('c')
  expect(chooseNext([growing('b')], [here('a')], 2)?.name).toBe('b')
})

test('with one slot, starts only complete files', () => {
  expect(chooseNext([growing('a')], [], 1)).toBeUndefined()
  expect(chooseNext([complete('a')], [], 1)?.name).toBe('a')
})

test('waits for the first byte, but not for that of a complete empty file', () => {
  expect(chooseNext([unbegun('a')], [], 4)).toBeUndefined()
  expect(chooseNext([{ progress: { bytes: 0, isComplete: true } }], [], 4)).toBeDefined()
})
