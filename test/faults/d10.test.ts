import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MiB } from '../../src/units.ts'
import { expectNar, expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { flipBit, waitFor } from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

const maxBytes = 4 * MiB

async function smallCache(paths: number, totalBytes: number) {
  const cache = await syntheticCache({ paths, totalBytes, compression: 'none' })
  const upstream = await startFakeUpstream(cache.directory)
  const server = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    args: ['--max-size', `${maxBytes / MiB}MiB`],
  })
  const [info] = cache.infos
  if (!info) throw new Error('no paths')
  /** Waits until so many clients follow the one download. */
  const followedBy = async (readers: number) => {
    const followers = async () => {
      const response = await fetch(`${server.url}/api/v1/status`)
      const { downloads } = (await response.json()) as { downloads: { readers: number }[] }
      return downloads.map((download) => download.readers)
    }
    await expect.poll(followers).toEqual([readers])
  }
  // who has not seen the narinfo cannot hold the NAR against its NarHash
  for (const { storePath } of cache.infos) await fetch(`${server.url}/${storePath.hash}.narinfo`)
  const nars = join(server.dataDir, 'cache', 'nar')
  return { cache, upstream, server, info, nars, followedBy }
}

test('D10 a NAR larger than the cache passes through unkept, to all who ask at once by one fetch', async () => {
  const { cache, upstream, server, info, nars, followedBy } = await smallCache(1, 16 * MiB)
  const gate = Promise.withResolvers<void>()
  upstream.script(/^\/nar\//, waitFor(gate.promise), { times: 1 })
  const clients = [1, 2, 3].map(() => fetch(`${server.url}/${info.url}`))
  await followedBy(3)
  gate.resolve()
  const truth = await cache.bytesOf(info)
  const bodies = await Promise.all(
    clients.map(async (client) => Buffer.from(await (await client).arrayBuffer())),
  )
  for (const body of bodies) expect(body.equals(truth)).toBe(true)
  expect(upstream.count(/^\/nar\//)).toBe(1)
  await expectNar(server.url, cache, info)
  expect(upstream.count(/^\/nar\//)).toBe(2)
  expect(await readdir(nars)).toEqual([])
  expect(await server.rssBytes()).toBeLessThan(200 * MiB)
  await expectSoundDataDir(server.dataDir, { maxBytes })
})

test('D10 who comes when its beginning has passed through gets a fetch of its own', async () => {
  const { cache, upstream, server, info } = await smallCache(1, 32 * MiB)
  const early = await fetch(`${server.url}/${info.url}`)
  const reader = early.body?.getReader()
  const chunks = [(await reader?.read())?.value ?? new Uint8Array()]
  await expectNar(server.url, cache, info)
  expect(upstream.count(/^\/nar\//)).toBe(2)
  for (let piece = await reader?.read(); piece?.value; piece = await reader?.read())
    chunks.push(piece.value)
  expect(Buffer.concat(chunks).equals(await cache.bytesOf(info))).toBe(true)
})

test('D10 a client that stops reading holds up nobody else, and has its whole file in the end', async () => {
  const { cache, upstream, server, info, followedBy } = await smallCache(1, 32 * MiB)
  const gate = Promise.withResolvers<void>()
  upstream.script(/^\/nar\//, waitFor(gate.promise), { times: 1 })
  const slow = fetch(`${server.url}/${info.url}`)
  const fast = fetch(`${server.url}/${info.url}`)
  await followedBy(2)
  gate.resolve()
  const truth = await cache.bytesOf(info)
  await slow
  expect(Buffer.from(await (await fast).arrayBuffer()).equals(truth)).toBe(true)
  expect(Buffer.from(await (await slow).arrayBuffer()).equals(truth)).toBe(true)
  expect(upstream.count(/^\/nar\//)).toBe(2)
})

test('D10 what passes through unkept is checked all the same: its tail stays back when it is wrong', async () => {
  const { upstream, server, info } = await smallCache(1, 16 * MiB)
  upstream.script(/^\/nar\//, flipBit(9 * MiB))
  const response = await fetch(`${server.url}/${info.url}`)
  await expect(response.arrayBuffer()).rejects.toThrow()
  await server.logged(/with hash|NarHash/)
})

test('D10 eviction leaves those alone who are reading', async () => {
  const { cache, server } = await smallCache(30, 24 * MiB)
  const [first, ...others] = cache.infos
    .filter(({ narSize }) => narSize < maxBytes)
    .toSorted((a, b) => b.narSize - a.narSize)
  if (!first) throw new Error('no NAR fits')
  await expectServed(server.url, cache, first)
  const head = () => fetch(`${server.url}/${first.url}`, { method: 'HEAD' })
  await expect.poll(async () => (await head()).headers.get('x-narwhal')).toBe('disk')
  const slow = await fetch(`${server.url}/${first.url}`)
  expect(slow.headers.get('x-narwhal')).toBe('disk')
  for (const info of others) await expectServed(server.url, cache, info)
  const names = () => readdir(join(server.dataDir, 'cache', 'nar'))
  await expect.poll(names).not.toContain(first.url.replace('nar/', ''))
  expect(Buffer.from(await slow.arrayBuffer()).equals(await cache.bytesOf(first))).toBe(true)
  await expectSoundDataDir(server.dataDir, { maxBytes })
})
