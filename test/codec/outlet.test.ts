import { expect, test } from 'vitest'
import { maxInFlightBytes, Outlet } from '../../src/codec/outlet.ts'

const piece = new Uint8Array(maxInFlightBytes / 4)

test('lets no more bytes be under way than it may', async () => {
  const { outlet, sent } = open()
  for (let i = 0; i < 4; i++) await outlet.send(piece)
  const fifth = outlet.send(piece)
  const sixth = fifth.then(() => outlet.send(piece))
  await settled()
  expect(sent).toHaveLength(4)
  outlet.taken(piece.length - 1)
  await settled()
  expect(sent).toHaveLength(4)
  outlet.taken(1)
  await fifth
  await settled()
  expect(sent).toHaveLength(5)
  outlet.taken(piece.length)
  await sixth
  expect(sent).toHaveLength(6)
})

test('sends a piece larger than all it may once nothing else is under way', async () => {
  const { outlet, sent } = open()
  await outlet.send(new Uint8Array(2 * maxInFlightBytes))
  expect(sent).toEqual([2 * maxInFlightBytes])
})

test('copies what it sends, so that the sender may reuse its memory', async () => {
  const chunks: Uint8Array[] = []
  const outlet = new Outlet((chunk) => chunks.push(chunk))
  const reused = Buffer.from('first')
  await outlet.send(reused)
  reused.fill('x')
  expect(Buffer.from(chunks[0] as Uint8Array).toString()).toBe('first')
})

test('closing fails the send that waits, and every later one', async () => {
  const { outlet } = open()
  for (let i = 0; i < 4; i++) await outlet.send(piece)
  const waiting = expect(outlet.send(piece)).rejects.toMatchObject({ code: 'CHECK_FAILED' })
  outlet.close()
  await waiting
  await expect(outlet.send(piece)).rejects.toMatchObject({ code: 'CHECK_FAILED' })
})

function open() {
  const sent: number[] = []
  return { sent, outlet: new Outlet((chunk) => sent.push(chunk.length)) }
}

/** Lets every promise that can settle do so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
