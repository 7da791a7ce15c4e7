import { expect, test } from 'vitest'
import { ClientWaits } from '../../src/proxy/client-waits.ts'
import { Download } from '../../src/store/download.ts'

/** A download in memory, a client that follows it, and a clock that only moves when told to. */
function subject() {
  let now = 0
  const waits = new ClientWaits(() => now)
  const download = Download.inMemory('x.part', 1_000_000)
  const reader = waits.measured(download.open(), download)
  const buffer = Buffer.alloc(1_000_000)
  let position = 0
  return {
    waits,
    reader,
    pass(ms: number) {
      now += ms
    },
    read: async () => {
      position += await reader.read(buffer, position)
    },
    arrive: (bytes: number) => download.append(Buffer.alloc(bytes)),
  }
}

test('a client is held up once it has waited for a quarter of a second', async () => {
  const { waits, pass, read, arrive } = subject()
  const reading = read()
  pass(249)
  expect(waits.isBound).toBe(false)
  pass(21)
  expect(waits.isBound).toBe(true)
  await arrive(1000)
  await reading
  // A moment between two reads is no relief.
  pass(50)
  expect(waits.isBound).toBe(true)
  pass(100)
  expect(waits.isBound).toBe(false)
})

test('many short waits add up', async () => {
  const { waits, pass, read, arrive } = subject()
  for (let time = 0; time < 6; time += 1) {
    const reading = read()
    pass(50)
    await arrive(1000)
    await reading
  }
  expect(waits.isBound).toBe(true)
})

test('a slow client is not held up, and one that has left neither', async () => {
  const { waits, reader, pass, read, arrive } = subject()
  await arrive(100_000)
  await read()
  pass(10_000)
  expect(waits.isBound).toBe(false)
  const reading = read()
  pass(1000)
  expect(waits.isBound).toBe(true)
  reader.close()
  pass(1000)
  expect(waits.isBound).toBe(false)
  await expect(reading).rejects.toMatchObject({ code: 'CLIENT_GONE' })
})

test('waiting for the verdict on a file that is there is no waiting for the line', async () => {
  const { waits, pass, read, arrive } = subject()
  await arrive(1_000_000)
  await read()
  const reading = read()
  pass(1000)
  expect(waits.isBound).toBe(false)
  reading.catch(() => undefined)
})

test('relief comes when the client has left', async () => {
  const { waits, reader, pass, read } = subject()
  const reading = read().catch(() => undefined)
  pass(300)
  let isRelieved = false
  const relief = waits
    .relief(() => false, new AbortController().signal)
    .then(() => {
      isRelieved = true
    })
  await Promise.resolve()
  expect(isRelieved).toBe(false)
  reader.close()
  pass(300)
  await relief
  await reading
})
