import { readdir, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { MiB } from '../../src/units.ts'
import { expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { testWith } from '../support/programs.ts'
import { insideOf, smallFilesystem } from '../support/small-filesystem.ts'
import { injecting } from '../support/strace.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

const test = testWith(['unshare', 'mount', 'strace'])

async function serverOn(filesystem: string, totalBytes: number, { isFull = false } = {}) {
  const cache = await syntheticCache({ paths: 12, totalBytes })
  const upstream = await startFakeUpstream(cache.directory)
  const dataDir = await tempDir('small')
  const server = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    dataDir,
    wrapper: smallFilesystem(dataDir, filesystem, { isFull }),
  })
  return {
    cache,
    upstream,
    server,
    inside: (path: string) => insideOf(server, join(dataDir, path)),
  }
}

test('D4 a cache of 4 MiB for 24 MiB of NARs: every GET is right, room is made, the floor holds', async () => {
  const { cache, server, inside } = await serverOn('size=4m', 24 * MiB)
  for (let round = 0; round < 2; round += 1)
    for (const info of cache.infos) await expectServed(server.url, cache, info)
  const freeShare = async () => {
    const { bavail, blocks } = await statfs(inside('.'))
    return bavail / blocks
  }
  await expect.poll(freeShare).toBeGreaterThan(0.05)
  await expect.poll(() => readdir(inside('tmp'))).toEqual([])
})

test('D4 a disk somebody else has filled: every GET is right', async () => {
  const { cache, server, inside } = await serverOn('size=16m', 8 * MiB)
  for (const info of cache.infos.slice(0, 3)) await expectServed(server.url, cache, info)
  await fill(inside('ballast'))
  for (let round = 0; round < 2; round += 1)
    for (const info of cache.infos) await expectServed(server.url, cache, info)
})

test('D4 no inodes left: every GET is right', async () => {
  const { cache, server, inside } = await serverOn('size=64m,nr_inodes=24', 6 * MiB)
  for (let round = 0; round < 2; round += 1)
    for (const info of cache.infos) await expectServed(server.url, cache, info)
  const takeInodes = async () => {
    for (let extra = 0; ; extra += 1) await writeFile(inside(`extra-${extra}`), '')
  }
  await expect(takeInodes()).rejects.toThrow('ENOSPC')
  for (const info of cache.infos) await expectServed(server.url, cache, info)
})

test('D4 a full disk at the start is no reason not to serve', async () => {
  const { cache, server } = await serverOn('size=8m', 4 * MiB, { isFull: true })
  for (const info of cache.infos) await expectServed(server.url, cache, info)
})

test.each(['ENOSPC', 'EDQUOT'])(
  'D4 %s on every write, the index included, while NARs arrive: every GET is right',
  async (error) => {
    const cache = await syntheticCache({ paths: 6, totalBytes: 12 * MiB, compression: 'none' })
    const upstream = await startFakeUpstream(cache.directory)
    const server = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
      wrapper: injecting(`pwrite64:error=${error}:when=100+`),
      env: { UV_USE_IO_URING: '0', UV_THREADPOOL_SIZE: '1' },
    })
    for (let round = 0; round < 2; round += 1)
      for (const info of cache.infos) await expectServed(server.url, cache, info)
    await server.logged(/could not write a NAR: /)
    await server.restart()
    for (const info of cache.infos) await expectServed(server.url, cache, info)
  },
)

/** Writes until nothing fits any more. */
async function fill(path: string): Promise<void> {
  for (const bytes of [MiB, 4096])
    for (let piece = 0; ; piece += 1) {
      const isFull = await writeFile(`${path}-${bytes}-${piece}`, Buffer.alloc(bytes)).then(
        () => false,
        () => true,
      )
      if (isFull) break
    }
}
