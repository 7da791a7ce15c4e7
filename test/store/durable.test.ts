import * as fs from 'node:fs/promises'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { syncDirectory } from '../../src/store/durable.ts'
import { tempDir } from '../support/temp-dir.ts'

// The real ones, counted.
vi.mock('node:fs/promises', async (importActual) => {
  const actual = await importActual<typeof fs>()
  return { ...actual, open: vi.fn(actual.open) }
})

const syncs = vi.mocked(fs.open)

beforeEach(() => {
  syncs.mockClear()
})

test('one sync of a directory serves all who came while another ran', async () => {
  const directory = await tempDir('sync')
  const first = syncDirectory(directory)
  const others = Array.from({ length: 50 }, () => syncDirectory(directory))
  expect(syncs).toHaveBeenCalledTimes(1)
  await first
  await Promise.all(others)
  expect(syncs).toHaveBeenCalledTimes(2)
})

test('who comes while a sync runs gets one that began after that', async () => {
  const directory = await tempDir('sync')
  const first = syncDirectory(directory)
  let isFirstDone = false
  void first.then(() => {
    isFirstDone = true
  })
  await writeFile(join(directory, 'late'), '')
  await syncDirectory(directory)
  expect(isFirstDone).toBe(true)
})

test('directories do not wait for each other, and each is synced anew the next time', async () => {
  const directories = [await tempDir('sync'), await tempDir('sync')]
  await Promise.all(directories.map(syncDirectory))
  await Promise.all(directories.map(syncDirectory))
  expect(syncs).toHaveBeenCalledTimes(4)
})

test('a sync that fails fails for all it was for, and not for those who come later', async () => {
  const directory = join(await tempDir('sync'), 'absent')
  const failed = [syncDirectory(directory), syncDirectory(directory), syncDirectory(directory)]
  const outcomes = await Promise.allSettled(failed)
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  await fs.mkdir(directory)
  await syncDirectory(directory)
})
