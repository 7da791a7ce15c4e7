import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BodyTurns } from '../../src/server/body-turns.ts'

/** What is written, in the turns it is written in. */
function ask(turns: BodyTurns, names: readonly string[], bytes: number): string[] {
  const written: string[] = []
  for (const name of names) void turns.take(bytes).then(() => written.push(name))
  return written
}

test('what is more than a turn holds is written in the turns after it, in the order it came', async () => {
  const turns = new BodyTurns(200)
  const written = ask(turns, ['a', 'b', 'c', 'd', 'e'], 100)
  const seen: string[] = []
  for (let turn = 0; turn < 4; turn += 1) {
    await Promise.resolve()
    await Promise.resolve()
    seen.push(written.join(''))
    await setImmediate()
  }
  expect(seen).toEqual(['ab', 'abcd', 'abcde', 'abcde'])
})

test('a body larger than a turn has a turn for itself', async () => {
  const turns = new BodyTurns(10)
  const written = ask(turns, ['a', 'b'], 1000)
  await Promise.resolve()
  expect(written).toEqual(['a'])
  await setImmediate()
  await setImmediate()
  expect(written).toEqual(['a', 'b'])
})

test('who comes late does not overtake those who wait', async () => {
  const turns = new BodyTurns(100)
  const written = ask(turns, ['a', 'b', 'c'], 100)
  await setImmediate()
  void turns.take(100).then(() => written.push('late'))
  for (let turn = 0; turn < 4; turn += 1) await setImmediate()
  expect(written).toEqual(['a', 'b', 'c', 'late'])
})

test('after a pause a turn has all its bytes again', async () => {
  const turns = new BodyTurns(100)
  ask(turns, ['a'], 100)
  for (let turn = 0; turn < 3; turn += 1) await setImmediate()
  const written = ask(turns, ['b'], 100)
  await Promise.resolve()
  expect(written).toEqual(['b'])
})
