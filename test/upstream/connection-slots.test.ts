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

test('NARs leave a quarter to narinfos, and narinfos to NARs, whoever asks for how many', async () => {
  const slots = new ConnectionSlots(8)
  await takenBy(6, 'nar', slots)
  expect(await isOpen(slots.take('nar', never))).toBe(true)
  const narinfos = await takenBy(2, 'narinfo', slots)
  const more = Array.from({ length: 10 }, () => slots.take('narinfo', never))
  for (const release of narinfos) release()
  for (const next of more) (await next)()
  const others = new ConnectionSlots(8)
  await takenBy(6, 'narinfo', others)
  expect(await isOpen(others.take('narinfo', never))).toBe(true)
  await takenBy(2, 'nar', others)
})

test('of those that wait, who came first goes first', async () => {
  const slots = new ConnectionSlots(2)
  const order: string[] = []
  const releases = [...(await takenBy(1, 'nar', slots)), ...(await takenBy(1, 'narinfo', slots))]
  const all = (['nar', 'narinfo', 'nar'] as const).map(async (kind, at) => {
    const end = await slots.take(kind, never)
    order.push(`${kind} ${at}`)
    end()
  })
  for (const release of releases) {
    release()
    release()
  }
  await Promise.all(all)
  expect(order.filter((one) => one.startsWith('nar '))).toEqual(['nar 0', 'nar 2'])
  expect(order).toContain('narinfo 1')
})

test('who leaves while he waits takes nothing', async () => {
  const slots = new ConnectionSlots(2)
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
