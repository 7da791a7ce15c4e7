import * as fs from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { Disk } from '../../src/store/disk.ts'
import { createTelemetry, type Log, silentLog } from '../../src/telemetry.ts'
import { KiB, MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { tempDir } from '../support/temp-dir.ts'

// The real one, counted.
vi.mock('node:fs/promises', async (importActual) => {
  const actual = await importActual<typeof fs>()
  return { ...actual, statfs: vi.fn(actual.statfs) }
})

const looks = vi.mocked(fs.statfs)

async function openDisk(minFreeBytes: number, log: Log = silentLog): Promise<Disk> {
  const disk = await Disk.open({
    dataDir: await tempDir('room'),
    storeDir: '/nix/store',
    maxSize: { kind: 'bytes', bytes: 64 * MiB },
    minFree: { kind: 'bytes', bytes: minFreeBytes },
    log,
    telemetry: createTelemetry(),
  })
  atTestEnd(() => disk.close())
  await disk.ready
  looks.mockClear()
  return disk
}

const small = 256 * KiB

test('a crowd of small downloads looks at the filesystem once', async () => {
  const disk = await openDisk(0)
  const promises = await Promise.all(Array.from({ length: 50 }, () => disk.reserve(small)))
  expect(promises.every((promise) => promise !== undefined)).toBe(true)
  expect(looks).toHaveBeenCalledTimes(1)
})

test('for a large one it is looked at anew: others may have filled the disk', async () => {
  const disk = await openDisk(0)
  await disk.reserve(small)
  await disk.reserve(MiB)
  await disk.reserve(MiB)
  expect(looks).toHaveBeenCalledTimes(3)
})

test('who would be refused by what was seen a moment ago has it looked at again', async () => {
  const disk = await openDisk(0)
  await disk.reserve(64 * MiB - small)
  await disk.reserve(small)
  expect(await disk.reserve(small)).toBeUndefined()
  expect(looks).toHaveBeenCalledTimes(2)
})

test('what downloads have written since counts as taken', async () => {
  const free = await fs.statfs(await tempDir('room'))
  const disk = await openDisk(free.bavail * free.bsize - 1.5 * small)
  const seen = { ...free }
  looks.mockImplementation(async () => ({ ...seen }) as never)
  const first = await disk.reserve(small)
  first?.settle()
  seen.bavail -= Math.ceil(small / seen.bsize)
  expect(await disk.reserve(small)).toBeUndefined()
})

test('who only looks at a file system that does not answer is told what it said last, and no more comes of it', async () => {
  const said: string[] = []
  const disk = await openDisk(0, { ...silentLog, warn: (_, message) => said.push(message) })
  const before = await disk.lastSpace()
  const silent = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1000)
  atTestEnd(() => silent.mockRestore())
  looks.mockImplementation(async () => {
    throw new Error('EIO')
  })
  for (let look = 0; look < 5; look += 1)
    expect((await disk.lastSpace()).freeBytes).toBe(before.freeBytes)
  expect(disk.isStoring).toBe(true)
  expect(said).toEqual([expect.stringContaining('could not ask the file system: EIO')])
  looks.mockRestore()
  await disk.lastSpace()
  expect(said).toHaveLength(1)
})
