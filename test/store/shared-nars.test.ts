import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatHash } from '../../src/nix/hash.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { repackedFileOf } from '../../src/policy/nar-file.ts'
import { Disk } from '../../src/store/disk.ts'
import type { NarinfoRecord } from '../../src/store/sqlite-index.ts'
import { createTelemetry, silentLog } from '../../src/telemetry.ts'
import { GiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

const longAfter = () => Date.now() + 1e12

/** Two pushed paths, as far as the store can tell, with the same NAR. */
async function twoPaths() {
  const disk = await Disk.open({
    dataDir: await tempDir('disk'),
    storeDir: '/nix/store',
    maxSize: { kind: 'bytes', bytes: GiB },
    minFree: { kind: 'bytes', bytes: 0 },
    log: silentLog,
    telemetry: createTelemetry(),
  })
  atTestEnd(() => disk.close())
  await disk.ready
  const cache = await syntheticCache({ paths: 1, totalBytes: 100_000, compression: 'none' })
  const info = cache.infos[0] as NarInfo
  const file = info.url.slice('nar/'.length)
  const { hash } = info.storePath
  const text = await readFile(join(cache.directory, `${hash}.narinfo`), 'utf8')
  const one: NarinfoRecord = { hash, text, file, upstream: undefined, upstreamUrl: undefined }
  const two = { ...one, hash: 'a'.repeat(32) as StoreHash }
  const narHash = formatHash(info.narHash)
  const zstd = { file: repackedFileOf(info), fileHash: info.narHash, fileSize: 1000 }

  async function push(record: NarinfoRecord): Promise<void> {
    const path = disk.layout.unfinished('pushed')
    await writeFile(path, await cache.bytesOf(info))
    const nar = disk.holds(file) ? undefined : { path, bytes: info.fileSize as number }
    expect(await disk.keepPushed(record, { file: nar, narHash })).toBe(true)
  }

  async function repack(): Promise<void> {
    const download = await disk.startDownload(zstd.file, zstd.fileSize, false)
    await download.append(Buffer.alloc(zstd.fileSize))
    download.vouch()
    await disk.zstdForms.publish(download, { ...zstd, original: file, narHash }, Date.now())
    download.release()
  }

  return { disk, one, two, file, zstd: zstd.file, narHash, push, repack }
}

const nars = ({ layout }: Disk) => readdir(layout.nars)
const marks = ({ layout }: Disk) => readdir(layout.origin)

test('an original that another path is pushed with stays, marked, and is packed anew for that too', async () => {
  const { disk, one, two, file, zstd, push, repack } = await twoPaths()
  await push(one)
  await repack()
  expect(await marks(disk)).toEqual([zstd])
  await push(two)
  expect(disk.zstdForms.wanting).toBe(1)
  await disk.zstdForms.dropOriginals(0, longAfter())
  expect(await nars(disk)).toEqual([file, zstd].toSorted())
  expect(await marks(disk)).toEqual([file, zstd].toSorted())
  expect((await disk.narinfo(two.hash))?.file).toBe(file)
  await repack()
  await disk.zstdForms.dropOriginals(0, longAfter())
  expect(await nars(disk)).toEqual([zstd])
  expect(disk.narinfosOfFile(zstd)).toHaveLength(2)
})

test('an original that another path is fetched with stays too', async () => {
  const { disk, one, two, file, zstd, narHash, push, repack } = await twoPaths()
  await push(one)
  await repack()
  await disk.keep({ ...two, upstream: 'up', upstreamUrl: `nar/${file}` }, narHash)
  await disk.zstdForms.dropOriginals(0, longAfter())
  expect(await nars(disk)).toEqual([file, zstd].toSorted())
  expect(disk.zstdForms.wanting).toBe(1)
})

test('an original stays that is marked, whatever the index says', async () => {
  const { disk, one, file, zstd, push, repack } = await twoPaths()
  await push(one)
  await repack()
  await writeFile(disk.layout.originMark(file), '')
  await disk.zstdForms.dropOriginals(0, longAfter())
  expect(await nars(disk)).toEqual([file, zstd].toSorted())
})

test('of two paths with one NAR, the deletion of the first leaves the original others hold the URL of', async () => {
  const { disk, one, two, file, zstd, push, repack } = await twoPaths()
  await push(one)
  await push(two)
  await repack()
  for (const [record, left] of [
    [one, [file, zstd].toSorted()],
    [two, []],
  ] as const) {
    await disk.forget(record.hash)
    for (const each of [zstd, file]) await disk.zstdForms.removeUnpromised(each, Date.now())
    expect(await nars(disk)).toEqual(left)
  }
  expect(await marks(disk)).toEqual([])
})

test('an original whose second path is deleted is one that was superseded again', async () => {
  const { disk, one, two, file, zstd, push, repack } = await twoPaths()
  await push(one)
  await repack()
  await push(two)
  await disk.forget(two.hash)
  await disk.zstdForms.removeUnpromised(file, Date.now())
  expect(await marks(disk)).toEqual([zstd])
  expect(disk.zstdForms.wanting).toBe(0)
  await disk.zstdForms.dropOriginals(0, Date.now())
  expect(await nars(disk)).toEqual([file, zstd].toSorted())
  await disk.zstdForms.dropOriginals(0, longAfter())
  expect(await nars(disk)).toEqual([zstd])
})
