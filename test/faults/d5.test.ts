import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { MiB } from '../../src/units.ts'
import { dataDirOf } from '../support/data-dir.ts'
import { expectNar, expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { pauseAfter } from '../support/faults.ts'
import { breakFilesystem, loopFilesystem, makeImage } from '../support/loop-filesystem.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectQuickHits, expectSoundDataDir } from '../support/oracles.ts'
import { testWith } from '../support/programs.ts'
import { insideOf, readOnlyMount } from '../support/small-filesystem.ts'
import { injecting } from '../support/strace.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

const testStrace = testWith(['strace'])
const testMount = testWith(['unshare', 'mount'])
const testLoop = testWith(['unshare', 'mount', 'mkfs.ext4', 'findmnt', 'nsenter'])

const env = { UV_USE_IO_URING: '0' }

/** A server whose data directory has a filesystem of its own, which can be broken. */
async function onOwnFilesystem(paths: number) {
  const cache = await syntheticCache({ paths, totalBytes: 2 * MiB })
  const upstream = await startFakeUpstream(cache.directory)
  const dataDir = await tempDir('loop')
  const image = join(await tempDir('image'), 'ext4')
  await makeImage(image, 64 * MiB)
  const server = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    dataDir,
    wrapper: loopFilesystem(dataDir, image),
  })
  return { cache, upstream, server, dataDir }
}

testStrace(
  'D5 syncs fail: every GET is right, nothing is kept, and the disk is left alone',
  async () => {
    const cache = await syntheticCache({ paths: 8, totalBytes: 2 * MiB })
    const upstream = await startFakeUpstream(cache.directory)
    const server = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
      wrapper: injecting('fdatasync,fsync:error=EIO'),
      env,
    })
    for (const info of cache.infos) await expectServed(server.url, cache, info)
    await server.logged(/passing everything on without keeping it/)
    for (const info of cache.infos) await expectServed(server.url, cache, info)
    expect(await readdir(join(server.dataDir, 'cache', 'nar'))).toEqual([])
    await expect.poll(() => readdir(join(server.dataDir, 'tmp'))).toEqual([])
  },
  180_000,
)

testStrace(
  'D5 some syncs fail: those files are discarded, and keeping begins again by itself',
  async () => {
    const cache = await syntheticCache({ paths: 8, totalBytes: 2 * MiB })
    const upstream = await startFakeUpstream(cache.directory)
    const server = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
      // the first sync is that of the new index
      wrapper: injecting('fdatasync:error=EIO:when=2..4'),
      // strace counts calls by thread
      env: { ...env, UV_THREADPOOL_SIZE: '1' },
    })
    for (const info of cache.infos) await expectServed(server.url, cache, info)
    await server.logged(/the disk can be written again/)
    for (const info of cache.infos) await expectServed(server.url, cache, info)
    const kept = () => readdir(join(server.dataDir, 'cache', 'nar'))
    await expect.poll(async () => (await kept()).length).toBe(cache.infos.length)
    await expectSoundDataDir(server.dataDir)
  },
  180_000,
)

testStrace(
  'D5 a kept NAR that cannot be read is fetched again in the same request',
  async () => {
    const cache = await syntheticCache({ paths: 3, totalBytes: MiB })
    const upstream = await startFakeUpstream(cache.directory)
    const dataDir = await dataDirOf(cache)
    const [info] = cache.infos
    if (!info) throw new Error('no paths')
    const server = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
      dataDir,
      wrapper: injecting('pread64:error=EIO:when=1..2', join(dataDir, 'cache', info.url)),
      env: { ...env, UV_THREADPOOL_SIZE: '1' },
    })
    await server.logged(/brought the index in step/)
    await expectNar(server.url, cache, info)
    expect(upstream.count(/^\/nar\//)).toBe(1)
    await server.logged(/cannot be read \(EIO/)
    await expectSoundDataDir(dataDir)
  },
  180_000,
)

testLoop(
  'D5 the filesystem goes read-only: what is kept is served at once, what is not passes through',
  async () => {
    const { cache, upstream, server, dataDir } = await onOwnFilesystem(8)
    const kept = cache.infos.slice(0, 4)
    for (const info of kept) await expectServed(server.url, cache, info)
    const nars = insideOf(server, join(dataDir, 'cache', 'nar'))
    await expect.poll(async () => (await readdir(nars)).length).toBe(4)
    await breakFilesystem(server, dataDir)
    upstream.forget()
    for (const info of kept) await expectServed(server.url, cache, info)
    expect(upstream.count(/^\/nar\//)).toBe(0)
    const serveAll = async () => {
      for (let round = 0; round < 6; round += 1)
        for (const info of cache.infos) await expectServed(server.url, cache, info)
    }
    await expectQuickHits(server, serveAll, { path: `/${kept[0]?.storePath.hash}.narinfo` })
    await server.logged(/passing everything on without keeping it/)
  },
  180_000,
)

testLoop(
  'D5 the filesystem goes read-only while NARs arrive: every client has its own whole, and is not the last',
  async () => {
    const { cache, upstream, server, dataDir } = await onOwnFilesystem(4)
    const gate = Promise.withResolvers<void>()
    upstream.script(/^\/nar\//, pauseAfter(1000, gate.promise))
    const served = cache.infos.map((info) => expectServed(server.url, cache, info))
    await expect.poll(() => upstream.count(/^\/nar\//)).toBe(cache.infos.length)
    await expect
      .poll(async () => (await readdir(insideOf(server, join(dataDir, 'tmp')))).length)
      .toBe(cache.infos.length)
    await breakFilesystem(server, dataDir)
    gate.resolve()
    await Promise.all(served)
    for (const info of cache.infos) await expectServed(server.url, cache, info)
    expect(await server.stop()).toBe(0)
  },
  180_000,
)

for (const lost of [[], ['index.sqlite'], ['lock']])
  testMount(
    `D5 read-only from the start, ${lost.join() || 'nothing'} missing: what is kept is served, the rest passes`,
    async () => {
      const cache = await syntheticCache({ paths: 6, totalBytes: 2 * MiB })
      const upstream = await startFakeUpstream(cache.directory)
      const shared = { upstreams: [upstream.url], trustedKeys: [cache.publicKey] }
      const before = await startNarwhal(shared)
      const { dataDir } = before
      const kept = cache.infos.slice(0, 3)
      for (const info of kept) await expectServed(before.url, cache, info)
      await expect.poll(() => readdir(join(dataDir, 'tmp'))).toEqual([])
      await before.stop()
      for (const name of lost) await rm(join(dataDir, name))
      const listing = await readdir(dataDir, { recursive: true })

      const server = await startNarwhal({ ...shared, dataDir, wrapper: readOnlyMount(dataDir) })
      await server.logged(/the data directory cannot be written \(EROFS.*keeping nothing/)
      upstream.forget()
      for (const info of kept) await expectServed(server.url, cache, info)
      expect(upstream.count(/^\/nar\//)).toBe(0)
      for (let round = 0; round < 2; round += 1)
        for (const info of cache.infos) await expectServed(server.url, cache, info)
      const status = await fetch(`${server.url}/api/v1/status`)
      expect(await status.json()).toMatchObject({ state: 'degraded', cache: { isStoring: false } })
      expect(server.stderr.match(/cannot be written/g)).toHaveLength(1)
      expect(server.stderr).not.toMatch(/could not|INDEX_LOST/)
      expect(await server.stop()).toBe(0)
      expect(await readdir(dataDir, { recursive: true })).toEqual(listing)
      if (!lost.includes('index.sqlite')) await expectSoundDataDir(dataDir)
    },
    180_000,
  )
