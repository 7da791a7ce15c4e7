import { readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.ts'
import { createTelemetry, silentLog } from '../../src/telemetry.ts'
import { MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { tempDir } from '../support/temp-dir.ts'

async function diskOf(dataDir: string): Promise<Disk> {
  const disk = await Disk.open({
    dataDir,
    storeDir: '/nix/store',
    maxSize: { kind: 'bytes', bytes: 4 * MiB },
    minFree: { kind: 'bytes', bytes: 0 },
    log: silentLog,
    telemetry: createTelemetry(),
  })
  await disk.ready
  return disk
}

/** Leaves beginnings of a MiB each, in this order. */
async function leave(disk: Disk, ...files: readonly string[]): Promise<void> {
  for (const file of files) {
    await writeFile(disk.layout.part(file), Buffer.alloc(MiB))
    await disk.parts.keep(disk.layout.part(file))
  }
}

const namesIn = async ({ layout }: Disk) =>
  (await readdir(layout.temporary)).map((name) => basename(name, '.part')).toSorted()

test('beginnings that downloads have left make room for others, the oldest first', async () => {
  const disk = await diskOf(await tempDir('parts'))
  atTestEnd(() => disk.close())
  await leave(disk, 'a', 'b', 'c')
  const reservation = await disk.reserve(2.5 * MiB)
  expect(reservation).toBeDefined()
  expect(await namesIn(disk)).toEqual(['c'])
})

test('one that a download goes on with is not deleted under it', async () => {
  const disk = await diskOf(await tempDir('parts'))
  atTestEnd(() => disk.close())
  await leave(disk, 'a', 'b', 'c')
  const download = await disk.startDownload('a', 2 * MiB, true)
  atTestEnd(() => download.release())
  expect(download.written).toBe(MiB)
  expect(disk.parts.bytes).toBe(2 * MiB)
  await disk.reserve(4 * MiB)
  expect(await namesIn(disk)).toEqual(['a'])
})

test('those of an earlier process count as well', async () => {
  const dataDir = await tempDir('parts')
  const before = await diskOf(dataDir)
  await leave(before, 'a', 'b', 'c')
  await before.close()
  await writeFile(join(before.layout.temporary, 'stray'), 'x')
  const disk = await diskOf(dataDir)
  atTestEnd(() => disk.close())
  expect([await namesIn(disk), disk.parts.bytes]).toEqual([['a', 'b', 'c'], 3 * MiB])
  await disk.reserve(4 * MiB)
  expect(await namesIn(disk)).toEqual([])
})

test('one that a download begins anew is deleted', async () => {
  const disk = await diskOf(await tempDir('parts'))
  atTestEnd(() => disk.close())
  await leave(disk, 'a', 'b')
  const download = await disk.startDownload('a', undefined, false)
  atTestEnd(() => download.release())
  expect(download.written).toBe(0)
  expect(disk.parts.bytes).toBe(MiB)
  expect(await namesIn(disk)).toEqual([basename(download.path), 'b'].toSorted())
})
