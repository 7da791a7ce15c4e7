import * as fs from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { Disk } from '../../src/store/disk.ts'
import { createTelemetry, silentLog } from '../../src/telemetry.ts'
import { MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { tempDir } from '../support/temp-dir.ts'

// The real one, counted.
vi.mock('node:fs/promises', async (importActual) => {
  const actual = await importActual<typeof fs>()
  return { ...actual, statfs: vi.fn(actual.statfs) }
})

const looks = vi.mocked(fs.statfs)

async function openDisk(minFreeBytes: number): Promise<Disk> {
  const disk = await Disk.open({
    dataDir: await tempDir('room'),
    storeDir: '/nix/store',
    maxSize: { kind: 'bytes', bytes: 64 * MiB },
    minFree: { kind: 'bytes', bytes: minFreeBytes },
    log: silentLog,
    telemetry: createTelemetry(),
  })
  atTestEnd(() => disk.close())
  await disk.ready
  looks.mockClear()
  return disk
}

test('a crowd of downloads looks at the filesystem once', async () => {
  const disk = await openDisk(0)
  const promises = await Promise.all(Array.from({ length: 50 }, () => disk.reserve(MiB)))
  expect(promises.every((promise) => promise !== undefined)).toBe(true)
  expect(looks).toHaveBeenCalledTimes(1)
})

test('who would be refused by what was seen a moment ago has it looked at again', async () => {
  const disk = await openDisk(0)
  await disk.reserve(60 * MiB)
  expect(await disk.reserve(5 * MiB)).toBeUndefined()
  expect(looks).toHaveBeenCalledTimes(2)
})

test('what downloads have written since counts as taken', async () => {
  const free = await fs.statfs(await tempDir('room'))
  // room for one download of 32 MiB above the floor, as it was seen first
  const disk = await openDisk(free.bavail * free.bsize - 48 * MiB)
  const seen = { ...free }
  looks.mockImplementation(async () => ({ ...seen }) as never)
  const first = await disk.reserve(32 * MiB)
  first?.settle()
  seen.bavail -= Math.ceil((32 * MiB) / seen.bsize)
  expect(await disk.reserve(32 * MiB)).toBeUndefined()
})
