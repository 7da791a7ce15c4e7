import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { atRest } from '../support/at-rest.ts'
import { expectNar } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

vi.setConfig({ testTimeout: 60_000 })

const paths = 12

/** A server that a crowd has just fetched all NARs from at once. */
async function afterCrowd() {
  const cache = await syntheticCache({ paths, totalBytes: 3_000_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const server = await startNarwhal({ upstreams: [upstream.url], trustedKeys: [cache.publicKey] })
  const expectAll = async () => {
    const each = cache.infos.map((info) => expectNar(server.url, cache, info))
    await Promise.all(each)
  }
  const kept = async () => (await readdir(join(server.dataDir, 'cache', 'nar'))).sort()
  for (const { storePath } of cache.infos)
    expect((await requestRaw(`${server.url}/${storePath.hash}.narinfo`)).status).toBe(200)
  await expectAll()
  return { cache, upstream, server, expectAll, kept }
}

const namesOf = (infos: readonly { readonly url: string }[]) =>
  infos.map(({ url }) => url.replace('nar/', '')).sort()

test('NARs fetched many at once are served from where they are until clients pause, and kept then', async () => {
  const { cache, upstream, server, expectAll, kept } = await afterCrowd()
  const asked = upstream.requests.length
  for (let times = 0; times < 8; times += 1) {
    const beganAt = performance.now()
    await delay(50)
    await expectAll()
    const names = await kept()
    // A machine that is held up makes a pause of its own.
    if (performance.now() - beganAt > 150) break
    // The first one came alone.
    expect(names.length).toBeLessThanOrEqual(1)
  }
  await atRest(server)
  expect(await kept()).toEqual(namesOf(cache.infos))
  await expectAll()
  expect(upstream.requests.length).toBe(asked)
  await expectSoundDataDir(server.dataDir)
})

test('a server that is told to stop meanwhile keeps them first', async () => {
  const { cache, upstream, server, expectAll, kept } = await afterCrowd()
  await server.stop()
  expect(await kept()).toEqual(namesOf(cache.infos))
  await expectSoundDataDir(server.dataDir)
  await upstream.down()
  await server.restart()
  await expectAll()
})

test('after kill -9 meanwhile they are still here, and are checked again', async () => {
  const { upstream, server, expectAll } = await afterCrowd()
  // The index is written every 100 ms.
  await delay(150)
  await server.kill()
  await upstream.down()
  await server.restart()
  await expectAll()
  await atRest(server)
  await expectSoundDataDir(server.dataDir)
})

for (const [what, spoil] of [
  ['whole', () => undefined],
  ['wrong', (bytes: Buffer) => bytes.fill(0, bytes.length >> 1)],
  ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
  ['too long', (bytes: Buffer) => Buffer.concat([bytes, bytes])],
] as const)
  test(`without the index, too, where what the crash left is ${what}`, async () => {
    const { cache, server, kept } = await afterCrowd()
    await server.kill()
    for (const name of await readdir(server.dataDir))
      if (name.startsWith('index')) await rm(join(server.dataDir, name))
    const temporary = join(server.dataDir, 'tmp')
    for (const name of await readdir(temporary)) {
      const path = join(temporary, name)
      const spoilt = spoil(await readFile(path))
      if (spoilt !== undefined) await writeFile(path, spoilt)
    }
    await server.restart()
    // Their narinfos are unknown: only their names say what they are, and nothing how long.
    for (const info of cache.infos) await expectNar(server.url, cache, info)
    await atRest(server)
    expect(await kept()).toEqual(namesOf(cache.infos))
    await expectSoundDataDir(server.dataDir)
  })
