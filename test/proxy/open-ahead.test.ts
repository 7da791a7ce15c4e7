import { describe, expect, test } from 'vitest'
import { OpenAhead } from '../../src/proxy/open-ahead.ts'
import type { WholeNarReader } from '../../src/store/nar-reader.ts'
import { KiB } from '../../src/units.ts'

const bytes = Buffer.from(Array.from({ length: 200 * KiB }, (_, at) => at % 251))

/** A disk of files with these bytes that counts what it is asked, and what is open. */
function diskOf(files: Readonly<Record<string, Buffer>>) {
  const held = new Map(Object.entries(files))
  const state = { opened: 0, reads: 0, open: 0 }
  const openNar = async (file: string): Promise<WholeNarReader | undefined> => {
    state.opened += 1
    const content = held.get(file)
    if (!content) return undefined
    state.open += 1
    return {
      size: content.length,
      async read(into, position) {
        state.reads += 1
        return content.copy(into, 0, position)
      },
      close: () => {
        state.open -= 1
      },
    }
  }
  return { state, held, openNar, holds: (file: string) => held.has(file) }
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

const small = bytes.subarray(0, 60 * KiB)

describe('a NAR opened ahead', () => {
  test('is handed over once, with its first bytes in memory', async () => {
    const disk = diskOf({ a: small })
    const ahead = new OpenAhead(disk, clock().now)
    ahead.begin('a')
    const reader = (await ahead.open('a')) as WholeNarReader
    expect((await readAll(reader)).equals(small)).toBe(true)
    expect(disk.state).toEqual({ opened: 1, reads: 1, open: 1 })
    const another = (await ahead.open('a')) as WholeNarReader
    expect(disk.state).toEqual({ opened: 2, reads: 1, open: 2 })
    reader.close()
    another.close()
    expect(disk.state.open).toBe(0)
  })

  test('has all its bytes, also where it is longer than what is read ahead', async () => {
    const ahead = new OpenAhead(diskOf({ a: bytes }), clock().now)
    ahead.begin('a')
    const reader = (await ahead.open('a')) as WholeNarReader
    expect((await readAll(reader)).equals(bytes)).toBe(true)
    expect(await reader.read(Buffer.alloc(10), bytes.length)).toBe(0)
  })

  test('is closed when nobody asks for it in time', async () => {
    const time = clock()
    const disk = diskOf({ early: small, late: small })
    const ahead = new OpenAhead(disk, time.now)
    ahead.begin('early')
    time.pass(1_500)
    ahead.begin('late')
    time.pass(1_000)
    ahead.expire()
    await settled()
    expect(disk.state.open).toBe(1)
    await ahead.open('late')
    expect(disk.state.opened).toBe(2)
    ahead.begin('early')
    ahead.clear()
    await settled()
    expect(disk.state.open).toBe(1)
  })

  test('is given to nobody once the disk no longer counts it as good', async () => {
    const disk = diskOf({ a: small })
    const ahead = new OpenAhead(disk, clock().now)
    ahead.begin('a')
    disk.held.delete('a')
    expect(await ahead.open('a')).toBeUndefined()
    expect(disk.state.open).toBe(0)
  })

  test('is dropped for another that takes its place', async () => {
    const disk = diskOf({ a: small })
    const ahead = new OpenAhead(disk, clock().now)
    ahead.begin('a')
    disk.held.set('a', bytes)
    ahead.drop('a')
    const reader = (await ahead.open('a')) as WholeNarReader
    expect((await readAll(reader)).equals(bytes)).toBe(true)
    expect(disk.state.open).toBe(1)
  })

  test('that could not be opened, or read, is opened for who asks', async () => {
    const disk = diskOf({ refused: small, damaged: small })
    const { openNar } = disk
    disk.openNar = () => Promise.reject(new Error('EMFILE'))
    const ahead = new OpenAhead(disk, clock().now)
    ahead.begin('refused')
    await settled()
    await expect(ahead.open('refused')).rejects.toThrow('EMFILE')
    disk.openNar = async (file) => {
      const reader = (await openNar(file)) as WholeNarReader
      return { ...reader, read: () => Promise.reject(new Error('EIO')) }
    }
    ahead.begin('damaged')
    await settled()
    expect(disk.state.open).toBe(0)
    const reader = (await ahead.open('damaged')) as WholeNarReader
    await expect(reader.read(Buffer.alloc(1), 0)).rejects.toThrow('EIO')
  })

  test('is one that is there, opened once, and no more than so many are', async () => {
    const names = Array.from({ length: 100 }, (_, at) => `${at}`)
    const disk = diskOf(Object.fromEntries(names.map((name) => [name, small])))
    const ahead = new OpenAhead(disk, clock().now)
    for (const name of ['absent', '0', ...names]) ahead.begin(name)
    expect(disk.state.opened).toBe(32)
  })
})
