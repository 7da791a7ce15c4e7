import { randomBytes } from 'node:crypto'
import { readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

type Ruin = (index: string) => Promise<void>

const ruins: readonly (readonly [string, Ruin])[] = [
  ['lost', (index) => rm(index)],
  ['empty', (index) => truncate(index, 0)],
  ['cut in the middle', async (index) => truncate(index, ((await stat(index)).size >> 1) + 7)],
  ['random bytes', async (index) => writeFile(index, randomBytes((await stat(index)).size))],
  ['another program’s', (index) => writeFile(index, 'SQLite format 3\0 but not quite')],
]

async function filledServer() {
  const cache = await syntheticCache({ paths: 12, totalBytes: 1_000_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const server = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
  })
  const serveAll = async () => {
    for (const info of cache.infos) await expectServed(server.url, cache, info)
  }
  await serveAll()
  // what was fetched ahead is unpacked, and its narinfo published, a moment after it was asked for
  const published = async () => {
    const names = await readdir(join(server.dataDir, 'cache'))
    return names.filter((name) => name.endsWith('.narinfo')).length
  }
  await expect.poll(published).toBe(cache.infos.length)
  await expectSoundDataDir(server.dataDir)
  return { upstream, server, serveAll, index: join(server.dataDir, 'index.sqlite') }
}

test.each(ruins)(
  'D8 an index that is %s at the start is rebuilt while it serves',
  async (_, ruin) => {
    const { upstream, server, serveAll, index } = await filledServer()
    await server.kill()
    for (const suffix of ['-wal', '-shm']) await rm(index + suffix, { force: true })
    await ruin(index)
    await upstream.down()
    await server.restart()
    await serveAll()
    await expectSoundDataDir(server.dataDir)
  },
)

test.each(ruins)(
  'D8 an index that is %s under a running server fails no request',
  async (_, ruin) => {
    const { server, serveAll, index } = await filledServer()
    await ruin(index)
    await serveAll()
    await server.restart()
    await serveAll()
    await expectSoundDataDir(server.dataDir)
  },
)

test('D8 an index that opens but is broken further in is replaced, not opened again', async () => {
  const cache = await syntheticCache({ paths: 60, totalBytes: 1_000_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const server = await startNarwhal({ upstreams: [upstream.url], trustedKeys: [cache.publicKey] })
  for (const info of cache.infos) await expectServed(server.url, cache, info)
  await server.restart()
  const index = join(server.dataDir, 'index.sqlite')
  await truncate(index, (await stat(index)).size >> 1)
  for (const info of cache.infos) await expectServed(server.url, cache, info)
  await server.restart()
  for (const info of cache.infos) await expectServed(server.url, cache, info)
  await expectSoundDataDir(server.dataDir)
  await server.stop()
  const database = new DatabaseSync(index, { readOnly: true })
  expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
  database.close()
})

test('D8 a NAR cut short while the index was lost is fetched again', async () => {
  const cache = await syntheticCache({ paths: 3, totalBytes: 600_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const server = await startNarwhal({ upstreams: [upstream.url], trustedKeys: [cache.publicKey] })
  for (const info of cache.infos) await expectServed(server.url, cache, info)
  await server.stop()
  for (const suffix of ['', '-wal', '-shm'])
    await rm(join(server.dataDir, `index.sqlite${suffix}`), { force: true })
  const [info] = cache.infos
  if (!info) throw new Error('no paths')
  await truncate(join(server.dataDir, 'cache', info.url), 1000)
  await server.restart()
  await server.logged(/brought the index in step/)
  await expectServed(server.url, cache, info)
  await expectSoundDataDir(server.dataDir)
})
