import { expect, test } from 'vitest'
import { ConnectionSlots } from '../../src/upstream/connection-slots.ts'

const never = new AbortController().signal
const isOpen = async (slot: Promise<unknown>) =>
  (await Promise.race([slot.then(() => 'taken'), Promise.resolve('waits')])) === 'waits'

async function takenBy(count: number, kind: 'nar' | 'narinfo', slots: ConnectionSlots) {
  const releases: (() => void)[] = []
  for (let at = 0; at < count; at += 1) releases.push(await slots.take(kind, never))
  return releases
}

test('NARs leave a quarter to narinfos, and narinfos may have all', async () => {
  const slots = new ConnectionSlots(8)
  await takenBy(6, 'nar', slots)
  expect(await isOpen(slots.take('nar', never))).toBe(true)
  await takenBy(2, 'narinfo', slots)
  await takenBy(8, 'narinfo', new ConnectionSlots(8))
})

test('of a single connection each has it in turn, narinfos first', async () => {
  const slots = new ConnectionSlots(1)
  const order: string[] = []
  const [release] = await takenBy(1, 'nar', slots)
  const all = (['nar', 'narinfo', 'nar'] as const).map(async (kind) => {
    const end = await slots.take(kind, never)
    order.push(kind)
    end()
  })
  release?.()
  release?.()
  await Promise.all(all)
  expect(order).toEqual(['narinfo', 'nar', 'nar'])
})

test('who leaves while he waits takes nothing', async () => {
  const slots = new ConnectionSlots(1)
  const [release] = await takenBy(1, 'narinfo', slots)
  const leaving = new AbortController()
  const left = slots.take('narinfo', leaving.signal)
  const next = slots.take('narinfo', never)
  leaving.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
  await expect(slots.take('nar', leaving.signal)).rejects.toThrow('gone')
  release?.()
  ;(await next)()
  await takenBy(1, 'narinfo', slots)
})
