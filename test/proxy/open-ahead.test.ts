import { describe, expect, test } from 'vitest'
import { OpenAhead } from '../../src/proxy/open-ahead.ts'
import type { WholeNarReader } from '../../src/store/nar-reader.ts'
import { KiB } from '../../src/units.ts'

const bytes = Buffer.from(Array.from({ length: 200 * KiB }, (_, at) => at % 251))

/** A file that counts its reads, and knows whether it is open. */
function file(content: Buffer = bytes) {
  const state = { reads: 0, isOpen: true }
  const reader: WholeNarReader = {
    size: content.length,
    async read(into, position) {
      state.reads += 1
      return content.copy(into, 0, position)
    },
    close: () => {
      state.isOpen = false
    },
  }
  return { state, open: async () => reader }
}

function clock() {
  let now = 0
  return {
    now: () => now,
    pass: (ms: number) => {
      now += ms
    },
  }
}

async function readAll(reader: WholeNarReader): Promise<Buffer> {
  const whole = Buffer.alloc(reader.size)
  for (let at = 0; at < whole.length; ) at += await reader.read(whole.subarray(at, at + 50_000), at)
  return whole
}

const settled = () => new Promise(setImmediate)

describe('a NAR opened ahead', () => {
  test('is handed over once, with its first bytes in memory', async () => {
    const ahead = new OpenAhead(clock().now)
    const small = bytes.subarray(0, 60 * KiB)
    const { state, open } = file(small)
    ahead.begin('a', open)
    const reader = (await ahead.take('a')) as WholeNarReader
    expect(state.reads).toBe(1)
    expect((await readAll(reader)).equals(small)).toBe(true)
    expect(state).toEqual({ reads: 1, isOpen: true })
    expect(await ahead.take('a')).toBeUndefined()
    reader.close()
    expect(state.isOpen).toBe(false)
  })

  test('has all its bytes, also where it is longer than what is read ahead', async () => {
    const ahead = new OpenAhead(clock().now)
    ahead.begin('a', file().open)
    const reader = (await ahead.take('a')) as WholeNarReader
    expect((await readAll(reader)).equals(bytes)).toBe(true)
    expect(await reader.read(Buffer.alloc(10), bytes.length)).toBe(0)
  })

  test('is closed when nobody asks for it in time', async () => {
    const time = clock()
    const ahead = new OpenAhead(time.now)
    const [early, late] = [file(), file()]
    ahead.begin('early', early.open)
    time.pass(1_500)
    ahead.begin('late', late.open)
    time.pass(1_000)
    ahead.expire()
    await settled()
    expect([early.state.isOpen, late.state.isOpen]).toEqual([false, true])
    expect(await ahead.take('early')).toBeUndefined()
    ahead.clear()
    await settled()
    expect(late.state.isOpen).toBe(false)
  })

  test('that cannot be opened, or read, is none', async () => {
    const ahead = new OpenAhead(clock().now)
    ahead.begin('absent', async () => undefined)
    ahead.begin('refused', () => Promise.reject(new Error('EMFILE')))
    const damaged = file()
    ahead.begin('damaged', async () => ({
      ...(await damaged.open()),
      read: () => Promise.reject(new Error('EIO')),
    }))
    for (const name of ['absent', 'refused', 'damaged'])
      expect(await ahead.take(name)).toBeUndefined()
    expect(damaged.state.isOpen).toBe(false)
  })

  test('is opened once, and no more than so many are', async () => {
    const ahead = new OpenAhead(clock().now)
    let opened = 0
    const open = async () => {
      opened += 1
      return undefined
    }
    ahead.begin('0', open)
    for (let at = 0; at < 100; at += 1) ahead.begin(`${at}`, open)
    expect(opened).toBe(32)
    expect([ahead.has('0'), ahead.has('99')]).toEqual([true, true])
  })
})
