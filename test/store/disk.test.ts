import { readdirSync } from 'node:fs'
import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { formatHash } from '../../src/nix/hash.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { repackedFileOf } from '../../src/policy/nar-file.ts'
import { Disk } from '../../src/store/disk.ts'
import { facts } from '../../src/store/index-schema.ts'
import { asRepacked } from '../../src/store/repacked.ts'
import type { NarinfoRecord } from '../../src/store/sqlite-index.ts'
import { createTelemetry, silentLog } from '../../src/telemetry.ts'
import { GiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { type SyntheticCache, syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

function openIn(dataDir: string): Promise<Disk> {
  return Disk.open({
    dataDir,
    storeDir: '/nix/store',
    maxSize: { kind: 'bytes', bytes: GiB },
    minFree: { kind: 'bytes', bytes: 0 },
    log: silentLog,
    telemetry: createTelemetry(),
  })
}

async function openDisk(): Promise<Disk> {
  const disk = await openIn(await tempDir('disk'))
  atTestEnd(() => disk.close())
  await disk.ready
  return disk
}

async function recordOf(cache: SyntheticCache, info: NarInfo): Promise<NarinfoRecord> {
  const { hash } = info.storePath
  const text = await readFile(join(cache.directory, `${hash}.narinfo`), 'utf8')
  return { hash, text, file: fileOf(info), upstream: 'up', upstreamUrl: info.url }
}

const fileOf = (info: NarInfo) => info.url.slice('nar/'.length)

async function publish(
  disk: Disk,
  cache: SyntheticCache,
  info: NarInfo,
  narinfos?: readonly NarinfoRecord[],
): Promise<void> {
  const download = await disk.startDownload(fileOf(info), info.fileSize, false)
  await download.append(await cache.bytesOf(info))
  download.vouch()
  const nar = { file: fileOf(info), narHash: formatHash(info.narHash) }
  await disk.publish(download, nar, narinfos ?? [await recordOf(cache, info)], Date.now())
  download.release()
}

/** Narinfos in `cache/` whose NAR is not there. */
async function brokenPromises(disk: Disk): Promise<string[]> {
  const names = (await readdir(disk.layout.cache)).filter((name) => name.endsWith('.narinfo'))
  const broken = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(disk.layout.cache, name), 'utf8')
      const file = /^URL: nar\/(.*)$/m.exec(text)?.[1] ?? ''
      const isThere = await access(disk.layout.nar(file)).then(
        () => true,
        () => false,
      )
      return isThere ? [] : [name]
    }),
  )
  return broken.flat()
}

/** Lets so many rounds of the event loop pass, to meet another change at each of its steps. */
async function afterRounds(rounds: number, work: () => Promise<unknown>): Promise<void> {
  for (let round = 0; round < rounds; round += 1) await new Promise(setImmediate)
  await work()
}

test('the index a crash would leave counts every NAR in cache/', async () => {
  const disk = await openDisk()
  const cache = await syntheticCache({ paths: 12, totalBytes: 100_000 })
  const index = new DatabaseSync(join(disk.layout.cache, '..', 'index.sqlite'), { readOnly: true })
  atTestEnd(() => index.close())
  for (const info of cache.infos) {
    await publish(disk, cache, info, [])
    const counted = index.prepare('SELECT file FROM nar').all()
    const there = await readdir(join(disk.layout.cache, 'nar'))
    expect(counted.map(({ file }) => file).toSorted()).toEqual(there.toSorted())
    expect(disk.checkedHash(fileOf(info))).toBe(formatHash(info.narHash))
  }
})

test('the index a crash would leave leads to every narinfo in cache/', async () => {
  const disk = await openDisk()
  const cache = await syntheticCache({ paths: 12, totalBytes: 100_000 })
  const index = new DatabaseSync(join(disk.layout.cache, '..', 'index.sqlite'), { readOnly: true })
  atTestEnd(() => index.close())
  for (const info of cache.infos) {
    await publish(disk, cache, info)
    const standing = (await readdir(disk.layout.cache)).filter((name) => name.endsWith('.narinfo'))
    const known = index.prepare('SELECT hash FROM narinfo').all()
    expect(known.map(({ hash }) => `${hash}.narinfo`).toSorted()).toEqual(standing.toSorted())
  }
})

describe('a narinfo stands in cache/ only while its NAR does', () => {
  type Step = (disk: Disk, info: NarInfo) => Promise<unknown>
  const evict: Step = (disk, info) => disk.remove(fileOf(info))
  const forget: Step = (disk, info) => disk.forget(info.storePath.hash)
  const nothing: Step = async () => undefined
  const cases = [
    ['a NAR being published is evicted at', { meanwhile: evict, stride: 1, afterwards: nothing }],
    [
      'it is forgotten at while its NAR is published, which is removed then',
      { meanwhile: forget, stride: 8, afterwards: evict },
    ],
  ] as const

  test.for(cases)('whatever moment %s', async ([, { meanwhile, stride, afterwards }]) => {
    const disk = await openDisk()
    const cache = await syntheticCache({ paths: 1, totalBytes: 20_000 })
    const info = cache.infos[0] as NarInfo
    for (let rounds = 0; rounds < 150; rounds += 1) {
      await Promise.all([
        publish(disk, cache, info),
        afterRounds((rounds % 50) * stride, () => meanwhile(disk, info)),
      ])
      await afterwards(disk, info)
      expect(await brokenPromises(disk), `after ${rounds} rounds`).toEqual([])
    }
  })

  test('whatever moment it comes anew at while it is forgotten and its NAR published', async () => {
    const disk = await openDisk()
    const cache = await syntheticCache({ paths: 1, totalBytes: 20_000 })
    const info = cache.infos[0] as NarInfo
    const record = await recordOf(cache, info)
    for (let rounds = 0; rounds < 400; rounds += 1) {
      await Promise.all([
        publish(disk, cache, info),
        afterRounds((rounds % 20) * 20, () => forget(disk, info)),
        afterRounds(Math.floor(rounds / 20) * 20, () =>
          disk.keep(record, formatHash(info.narHash)),
        ),
      ])
      await evict(disk, info)
      expect(await brokenPromises(disk), `after ${rounds} rounds`).toEqual([])
    }
  })

  test('whatever moment its NAR is evicted at while a rebuild finds a narinfo the index lacks', async () => {
    const dataDir = await tempDir('disk')
    const cache = await syntheticCache({ paths: 1, totalBytes: 20_000 })
    const info = cache.infos[0] as NarInfo
    for (let rounds = 0; rounds < 150; rounds += 1) {
      const first = await openIn(dataDir)
      await first.ready
      await publish(first, cache, info)
      await first.close()
      const index = new DatabaseSync(join(dataDir, 'index.sqlite'))
      index.exec('DELETE FROM narinfo')
      index.prepare('DELETE FROM fact WHERE name = ?').run(facts.inStep)
      index.close()
      const disk = await openIn(dataDir)
      await Promise.all([disk.ready, afterRounds(rounds * 3, () => evict(disk, info))])
      expect(await brokenPromises(disk), `after ${rounds} rounds`).toEqual([])
      await disk.close()
    }
  })

  test('whatever moment its NAR is evicted at while the narinfo comes anew', async () => {
    const disk = await openDisk()
    const cache = await syntheticCache({ paths: 1, totalBytes: 20_000 })
    const info = cache.infos[0] as NarInfo
    const record = await recordOf(cache, info)
    for (let rounds = 0; rounds < 60; rounds += 1) {
      await publish(disk, cache, info)
      await Promise.all([
        disk.remove(fileOf(info)),
        afterRounds(rounds % 20, () => disk.keep(record, formatHash(info.narHash))),
      ])
      expect(await brokenPromises(disk), `after ${rounds} rounds`).toEqual([])
    }
  })
})

for (const [what, prepare] of [
  ['leads elsewhere', async () => undefined],
  [
    'leads elsewhere when the index has been lost',
    async (disk: Disk) => {
      await disk.close()
      await rm(disk.layout.index)
    },
  ],
] as const)
  test(`a narinfo that ${what} by now is not left behind by the eviction of the NAR before`, async () => {
    const dataDir = await tempDir('disk')
    const before = await openIn(dataDir)
    const cache = await syntheticCache({ paths: 1, totalBytes: 20_000 })
    const info = cache.infos[0] as NarInfo
    await publish(before, cache, info)
    await prepare(before)
    const disk = what === 'leads elsewhere' ? before : await openIn(dataDir)
    atTestEnd(() => disk.close())
    const record = await recordOf(cache, info)
    const file = `${'1'.repeat(52)}.nar.zst`
    const text = record.text.replace(info.url, `nar/${file}`)
    await disk.keep({ ...record, text, file }, formatHash(info.narHash))
    await disk.ready
    await disk.remove(fileOf(info))
    expect(await brokenPromises(disk)).toEqual([])
    expect((await disk.narinfo(record.hash))?.text).toBe(text)
  })

test('of narinfos that lead to one NAR, those come first that it was checked against', async () => {
  const disk = await openDisk()
  const cache = await syntheticCache({ paths: 1, totalBytes: 20_000 })
  const info = cache.infos[0] as NarInfo
  await publish(disk, cache, info)
  const record = await recordOf(cache, info)
  const otherHash = `sha256:${'0'.repeat(52)}`
  const text = record.text.replace(/^NarHash: .*$/m, `NarHash: ${otherHash}`)
  const liar = { ...record, hash: '0'.repeat(32) as StoreHash, text }
  await disk.keep(liar, otherHash)
  expect(disk.narinfosOfFile(fileOf(info))).toEqual([record, liar])
})

test('an eviction that is not over when the disk is closed leaves no narinfo without its NAR', async () => {
  const disk = await openIn(await tempDir('disk'))
  await disk.ready
  const cache = await syntheticCache({ paths: 12, totalBytes: 100_000 })
  for (const info of cache.infos) await publish(disk, cache, info)
  const reserving = disk.reserve(GiB)
  while (readdirSync(disk.layout.nars).length === 12) await new Promise(setImmediate)
  await disk.close()
  await reserving
  expect((await readdir(disk.layout.nars)).length).toBeGreaterThan(0)
  expect(await brokenPromises(disk)).toEqual([])
})

describe('a narinfo leads to the original again when its zstd form goes', () => {
  async function repackedOne(isPushed: boolean) {
    const disk = await openDisk()
    const cache = await syntheticCache({ paths: 1, totalBytes: 100_000, compression: 'none' })
    const info = cache.infos[0] as NarInfo
    const record = await recordOf(cache, info)
    const narHash = formatHash(info.narHash)
    if (isPushed) {
      const pushed = { ...record, upstream: undefined, upstreamUrl: undefined }
      const path = disk.layout.unfinished('pushed')
      await writeFile(path, await cache.bytesOf(info))
      await disk.keepPushed(pushed, { file: { path, bytes: info.fileSize as number }, narHash })
    } else await publish(disk, cache, info)
    const zstd = { file: repackedFileOf(info), fileHash: info.narHash, fileSize: 1000 }
    const download = await disk.startDownload(zstd.file, zstd.fileSize, false)
    await download.append(Buffer.alloc(zstd.fileSize))
    download.vouch()
    const narinfo = () => readFile(disk.layout.narinfo(record.hash), 'utf8')
    return { disk, record, narHash, zstd, download, narinfo }
  }

  test('because the disk did not take all of it', async () => {
    const { disk, record, narHash, zstd, download, narinfo } = await repackedOne(false)
    const unwritable = { ...record, hash: 'no/such/directory' as StoreHash }
    const records = [record, unwritable].map((each) => asRepacked(each, zstd))
    const publishing = disk.publish(download, { file: zstd.file, narHash }, records, Date.now())
    await expect(publishing).rejects.toThrow()
    expect(await narinfo()).toBe(record.text)
    expect(await disk.narinfo(record.hash)).toEqual(record)
    expect(disk.holds(zstd.file)).toBe(false)
  })

  test('because it is damaged; what was pushed stays what it is', async () => {
    const { disk, record, narHash, zstd, download, narinfo } = await repackedOne(true)
    const nar = { ...zstd, original: record.file, narHash }
    await disk.zstdForms.publish(download, nar, Date.now())
    expect(await narinfo()).not.toBe(record.text)
    expect(await readdir(disk.layout.origin)).toEqual([zstd.file])
    await disk.lose(zstd.file, 'is damaged')
    expect(await narinfo()).toBe(record.text)
    expect(await readdir(disk.layout.origin)).toEqual([record.file])
    await disk.zstdForms.dropOriginals(0, Date.now() + 1e12)
    expect(await readdir(disk.layout.nars)).toEqual([record.file])
    expect(disk.zstdForms.wanting).toBe(1)
  })
})
