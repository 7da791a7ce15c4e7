import { access, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { isStoreHash, type StoreHash } from '../../src/nix/store-path.ts'
import { Disk } from '../../src/store/disk.ts'
import { ForgivingIndex } from '../../src/store/forgiving-index.ts'
import { IndexUpkeep } from '../../src/store/index-upkeep.ts'
import { layoutOf } from '../../src/store/layout.ts'
import { Origin } from '../../src/store/origin.ts'
import { Turns } from '../../src/store/turns.ts'
import { createTelemetry, silentLog } from '../../src/telemetry.ts'
import { GiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import {
  type LargeEntry,
  largeEntry,
  largeNarBytes,
  makeLargeDataDir,
} from '../support/large-data-dir.ts'
import { tempDir } from '../support/temp-dir.ts'

/** More than are read without threads. */
const many = 6000
const few = 40

async function largeDataDir(entries: number): Promise<string> {
  const dataDir = await tempDir('rebuild')
  makeLargeDataDir(dataDir, entries)
  return dataDir
}

async function openDisk(dataDir: string): Promise<Disk> {
  const disk = await openToClose(dataDir)
  atTestEnd(() => disk.close())
  return disk
}

function openToClose(dataDir: string): Promise<Disk> {
  return Disk.open({
    dataDir,
    storeDir: '/nix/store',
    maxSize: { kind: 'bytes', bytes: GiB },
    minFree: { kind: 'bytes', bytes: 0 },
    log: silentLog,
    telemetry: createTelemetry(),
  })
}

const fileOf = ({ nar }: LargeEntry) => nar.slice('nar/'.length)

function hashOf({ storeHash }: LargeEntry): StoreHash {
  if (!isStoreHash(storeHash)) throw new Error('no store hash')
  return storeHash
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

test.each([few, many])(
  '%i entries are all found again, and nothing is left in tmp/',
  async (entries) => {
    const dataDir = await largeDataDir(entries)
    const disk = await openDisk(dataDir)
    await disk.ready
    expect(disk.isIndexComplete).toBe(true)
    expect(disk.usedBytes).toBe(largeNarBytes * entries)
    for (const at of [0, entries >> 1, entries - 1]) {
      const entry = largeEntry(at)
      expect(disk.narinfosOfFile(fileOf(entry)).map(({ hash }) => hash)).toEqual([hashOf(entry)])
      // Nobody has held them against a NarHash, as far as the files tell.
      expect(disk.isUnchecked(fileOf(entry))).toBe(true)
    }
    expect(await readdir(disk.layout.temporary)).toEqual([])
  },
)

test.each([few, many])(
  'of %i entries, a narinfo without its NAR and a NAR without a byte go, and what is no narinfo stays unbelieved',
  async (entries) => {
    const dataDir = await largeDataDir(entries)
    const [widowed, empty, garbled, renamed] = [1, 2, 3, 4].map(largeEntry) as [
      LargeEntry,
      LargeEntry,
      LargeEntry,
      LargeEntry,
    ]
    const at = (name: string) => join(dataDir, 'cache', name)
    const text = await readFile(at(`${widowed.storeHash}.narinfo`), 'utf8')
    await rm(at(widowed.nar))
    await truncate(at(empty.nar), 0)
    await writeFile(at(`${garbled.storeHash}.narinfo`), 'URL: nar/\0\n')
    await writeFile(at(`${renamed.storeHash}.narinfo`), text)
    const disk = await openDisk(dataDir)
    await disk.ready
    expect(disk.usedBytes).toBe(largeNarBytes * (entries - 2))
    for (const { storeHash } of [widowed, empty])
      expect(await isThere(at(`${storeHash}.narinfo`)), storeHash).toBe(false)
    expect((await disk.narinfo(hashOf(widowed)))?.text).toBe(text)
    for (const entry of [garbled, renamed]) expect(disk.narinfosOfFile(fileOf(entry))).toEqual([])
  },
)

test.each([few, many])(
  'of %i entries found again, an evicted one keeps its narinfo in the index',
  async (entries) => {
    const disk = await openDisk(await largeDataDir(entries))
    await disk.ready
    const entry = largeEntry(7)
    const before = await disk.narinfo(hashOf(entry))
    await disk.remove(fileOf(entry))
    expect(await isThere(disk.layout.narinfo(hashOf(entry)))).toBe(false)
    expect(await disk.narinfo(hashOf(entry))).toEqual(before)
    expect(disk.narinfosOfFile(fileOf(entry))).toEqual([before])
  },
)

test('what requests change while a large cache is read is newer and stays', async () => {
  const disk = await openDisk(await largeDataDir(many))
  const [kept, removed, forgotten] = [10, 11, 12].map(largeEntry) as [
    LargeEntry,
    LargeEntry,
    LargeEntry,
  ]
  const record = {
    hash: hashOf(kept),
    text: 'newer\n',
    file: fileOf(kept),
    upstream: 'up',
    upstreamUrl: 'nar/there',
  }
  await disk.keep(record, 'sha256:none')
  await disk.remove(fileOf(removed))
  await disk.forget(hashOf(forgotten))
  expect(disk.isIndexComplete).toBe(false)
  await disk.ready
  expect(await disk.narinfo(hashOf(kept))).toEqual(record)
  expect(disk.usedBytes).toBe(largeNarBytes * (many - 1))
  expect(await isThere(disk.layout.narinfo(hashOf(removed)))).toBe(false)
  expect(disk.narinfosOfFile(fileOf(forgotten))).toEqual([])
})

test('closed while a large cache is read, it leaves nothing in tmp/ and reads it again next time', async () => {
  const dataDir = await largeDataDir(many)
  const disk = await openToClose(dataDir)
  expect(disk.isIndexComplete).toBe(false)
  await disk.close()
  expect(await readdir(disk.layout.temporary)).toEqual([])
  const again = await openDisk(dataDir)
  await again.ready
  expect(again.usedBytes).toBe(largeNarBytes * many)
})

test('a rebuild that failed is tried again after a while', async () => {
  const now = vi.spyOn(performance, 'now')
  atTestEnd(() => now.mockRestore())
  const dataDir = await largeDataDir(few)
  const layout = layoutOf(dataDir)
  const index = ForgivingIndex.open(layout.index, silentLog)
  atTestEnd(() => index.close(false))
  const faults: unknown[] = []
  const nothing = async () => undefined
  const readTime = (at: number) => at
  const origin = new Origin({ layout, index, turns: new Turns(), readTime, remove: nothing })
  const upkeep = new IndexUpkeep({
    ...{ index, layout, origin, log: silentLog, remove: nothing, lose: nothing },
    onFault: (error) => faults.push(error),
  })
  await rename(layout.nars, `${layout.nars}.away`)
  upkeep.rebuildWhereNeeded()
  await upkeep.settled
  await rename(`${layout.nars}.away`, layout.nars)
  expect([faults.length, upkeep.isInStep, index.totalBytes()]).toEqual([1, false, 0])
  now.mockReturnValue(performance.now() + 61_000)
  upkeep.rebuildWhereNeeded()
  await upkeep.settled
  expect([upkeep.isInStep, index.totalBytes()]).toEqual([true, few * largeNarBytes])
})
