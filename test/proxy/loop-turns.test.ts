import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LoopTurns } from '../../src/proxy/loop-turns.ts'

/** Who has had a turn so far, in order. */
function ask(turns: LoopTurns, names: readonly string[], amount: number): string[] {
  const done: string[] = []
  for (const name of names) void turns.take(amount).then(() => done.push(name))
  return done
}

test('what is more than the share of a turn is done in the turns after it, in the order it came', async () => {
  const turns = new LoopTurns(200)
  const done = ask(turns, ['a', 'b', 'c', 'd', 'e'], 100)
  const seen: string[] = []
  for (let turn = 0; turn < 4; turn += 1) {
    await Promise.resolve()
    await Promise.resolve()
    seen.push(done.join(''))
    await setImmediate()
  }
  expect(seen).toEqual(['ab', 'abcd', 'abcde', 'abcde'])
})

test('what is larger than a turn has a turn for itself', async () => {
  const turns = new LoopTurns(10)
  const done = ask(turns, ['a', 'b'], 1000)
  await Promise.resolve()
  expect(done).toEqual(['a'])
  await setImmediate()
  await setImmediate()
  expect(done).toEqual(['a', 'b'])
})

test('who comes late does not overtake those who wait', async () => {
  const turns = new LoopTurns(100)
  const done = ask(turns, ['a', 'b', 'c'], 100)
  await setImmediate()
  void turns.take(100).then(() => done.push('late'))
  for (let turn = 0; turn < 4; turn += 1) await setImmediate()
  expect(done).toEqual(['a', 'b', 'c', 'late'])
})

test('after a pause a turn has its whole share again', async () => {
  const turns = new LoopTurns(100)
  ask(turns, ['a'], 100)
  for (let turn = 0; turn < 3; turn += 1) await setImmediate()
  const done = ask(turns, ['b'], 100)
  await Promise.resolve()
  expect(done).toEqual(['b'])
})
