import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Reservation } from '../../src/store/disk-room.ts'
import { Download, withheldBytes } from '../../src/store/download.ts'
import { DownloadRoom } from '../../src/store/download-room.ts'
import type { NarReader } from '../../src/store/nar-reader.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'narwhal-download-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** Holds what was asked for, and no more. */
const reservation: Reservation = {
  growTo: async () => false,
  written: () => undefined,
  settle: () => undefined,
}

const start = (size?: number) => Download.create(join(directory, 'a.part'), size)

/** Room for two pieces of 50,000 bytes. */
async function startInLittleRoom(): Promise<Download> {
  const download = await start()
  download.keepWithin(new DownloadRoom(async () => reservation, 110_000))
  return download
}

async function readAll(reader: NarReader): Promise<Buffer> {
  const chunks: Buffer[] = []
  let position = 0
  for (;;) {
    const buffer = Buffer.alloc(10_000)
    const bytes = await reader.read(buffer, position)
    if (bytes === 0) return Buffer.concat(chunks)
    chunks.push(buffer.subarray(0, bytes))
    position += bytes
  }
}

/** True when the promise is still open after everything that could settle it has run. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open')
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
  return (await Promise.race([promise.catch(() => undefined), Promise.resolve(open)])) === open
}

describe('a download with readers', () => {
  test('gives every reader every byte, early and late ones alike', async () => {
    const bytes = randomBytes(300_000)
    const download = await start(bytes.length)
    const early = readAll(download.open())
    for (let at = 0; at < bytes.length; at += 70_000)
      await download.append(bytes.subarray(at, at + 70_000))
    const late = readAll(download.open())
    download.vouch()
    expect((await early).equals(bytes)).toBe(true)
    expect((await late).equals(bytes)).toBe(true)
    expect((await readAll(download.open())).equals(bytes)).toBe(true)
  })

  test('gives what was written last to those who wait for it without reading it back', async () => {
    const bytes = randomBytes(300_000)
    const download = await start(bytes.length)
    const reader = download.open()
    const buffer = Buffer.alloc(bytes.length)
    let position = 0
    for (let at = 0; at < bytes.length; at += 50_000) {
      await download.append(bytes.subarray(at, at + 50_000))
      await truncate(download.path, 0)
      if (download.written === bytes.length) download.vouch()
      position += await reader.read(buffer.subarray(position), position)
    }
    position += await reader.read(buffer.subarray(position), position)
    expect(position).toBe(bytes.length)
    expect(buffer.equals(bytes)).toBe(true)
  })

  test('is not kept before there is room for what was there from the start', async () => {
    const path = join(directory, 'a.part')
    await writeFile(path, randomBytes(1000))
    const download = await Download.resume(path, 1000)
    const making = Promise.withResolvers<Reservation | undefined>()
    download.keepWithin(new DownloadRoom(() => making.promise, 1000))
    const keepable = download.canBeKept()
    expect(await isPending(keepable)).toBe(true)
    making.resolve(undefined)
    expect(await keepable).toBe(false)
  })

  test.each([
    ['is found', false],
    ['is not found', true],
  ])('lets readers have what came before room %s for it', async (_, isFull) => {
    const bytes = randomBytes(300_000)
    const half = 150_000
    const download = await start(bytes.length)
    const making = Promise.withResolvers<Reservation | undefined>()
    download.keepWithin(new DownloadRoom(() => making.promise, bytes.length))
    const appended = download.append(bytes.subarray(0, half))
    const reader = download.open()
    const buffer = Buffer.alloc(bytes.length)
    expect(await reader.read(buffer, 0)).toBe(half)
    expect((await readFile(download.path)).length).toBe(0)
    expect(await isPending(appended)).toBe(true)

    const keepable = download.canBeKept()
    making.resolve(isFull ? undefined : reservation)
    await appended
    expect(await keepable).toBe(!isFull)
    await download.append(bytes.subarray(half))
    download.vouch()
    expect(await reader.read(buffer.subarray(half), half)).toBe(half)
    expect(buffer.equals(bytes)).toBe(true)
    const onDisk = isFull ? Buffer.alloc(0) : bytes
    expect((await readFile(download.path)).equals(onDisk)).toBe(true)
  })

  test.each([
    ['on the disk', () => start(300_000)],
    ['in memory', async () => Download.inMemory(join(directory, 'a.part'), 300_000)],
    ['in memory from where room ends', startInLittleRoom],
  ])('takes bytes whose memory is used again at once, %s', async (_, begin) => {
    const bytes = randomBytes(300_000)
    const download = await begin()
    const read = readAll(download.open())
    const lent = Buffer.alloc(50_000)
    for (let at = 0; at < bytes.length; at += lent.length) {
      bytes.copy(lent, 0, at)
      await download.appendLent(lent)
      lent.fill(0)
    }
    download.vouch()
    expect((await read).equals(bytes)).toBe(true)
  })

  test('writes no lent bytes beyond the room there is', async () => {
    const download = await startInLittleRoom()
    const reader = download.open()
    for (let at = 0; at < 4; at += 1) await download.appendLent(randomBytes(50_000))
    expect((await readFile(download.path)).length).toBe(100_000)
    reader.close()
  })

  test.each([
    ['known', 200_000],
    ['unknown', undefined],
  ])('withholds the tail until it is vouched for, size %s', async (_, size) => {
    const bytes = randomBytes(200_000)
    const download = await start(size)
    await download.append(bytes)
    const reader = download.open()
    const buffer = Buffer.alloc(bytes.length)
    let position = 0
    while (position < bytes.length - withheldBytes) position += await reader.read(buffer, position)
    expect(position).toBe(bytes.length - withheldBytes)
    const rest = reader.read(buffer, position)
    expect(await isPending(rest)).toBe(true)
    download.vouch()
    expect(await rest).toBe(withheldBytes)
  })

  test('shows nothing of a file shorter than the tail before it is vouched for', async () => {
    const download = await start(1000)
    await download.append(randomBytes(1000))
    const first = download.open().read(Buffer.alloc(1000), 0)
    expect(await isPending(first)).toBe(true)
    download.fail(new Error('wrong'))
    await expect(first).rejects.toThrow('wrong')
  })

  test('starting over fails the readers that had bytes and carries the others along', async () => {
    const wrong = randomBytes(200_000)
    const right = randomBytes(200_000)
    const download = await start(right.length)
    const fresh = readAll(download.open())
    const spoilt = download.open()
    await download.append(wrong.subarray(0, 100))
    const untouched = download.open()
    await download.append(wrong.subarray(100))
    await spoilt.read(Buffer.alloc(10), 0)
    const isFreshSpoilt = expect(fresh).rejects.toMatchObject({ code: 'CORRUPT' })
    await download.restart(right.length)
    await download.append(right)
    download.vouch()
    await isFreshSpoilt
    await expect(spoilt.read(Buffer.alloc(10), 10)).rejects.toMatchObject({ code: 'CORRUPT' })
    expect((await readAll(untouched)).equals(right)).toBe(true)
  })

  test('closing a reader ends its wait, and nothing is left behind', async () => {
    const download = await start(100)
    const reader = download.open()
    const waiting = reader.read(Buffer.alloc(10), 0)
    reader.close()
    reader.close()
    await expect(waiting).rejects.toMatchObject({ code: 'CLIENT_GONE' })
    await download.unlink()
    download.release()
    expect(await readdir(directory)).toEqual([])
  })

  test('readers keep reading after the writer has let go', async () => {
    const bytes = randomBytes(500)
    const download = await start(500)
    await download.append(bytes)
    const reader = download.open()
    download.vouch()
    await download.unlink()
    download.release()
    expect((await readAll(reader)).equals(bytes)).toBe(true)
  })
})
