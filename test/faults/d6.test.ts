import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../cli/run-command.ts'
import { atRest } from '../support/at-rest.ts'
import { dataDirOf } from '../support/data-dir.ts'
import { expectNar, expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

async function warmServer(totalBytes = 2_000_000) {
  const cache = await syntheticCache({ paths: 3, totalBytes, compression: 'none' })
  const upstream = await startFakeUpstream(cache.directory)
  const dataDir = await dataDirOf(cache)
  const server = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    dataDir,
  })
  await server.logged(/brought the index in step/)
  const info = cache.infos.toSorted((a, b) => b.narSize - a.narSize)[0]
  if (!info) throw new Error('no paths')
  return { cache, upstream, server, info, file: join(dataDir, 'cache', info.url) }
}

test('D6 a NAR deleted under a running server is fetched again in the same request', async () => {
  const { cache, upstream, server, info, file } = await warmServer()
  await expectServed(server.url, cache, info)
  expect(upstream.count(/^\/nar\//)).toBe(0)
  await rm(file)
  await expectServed(server.url, cache, info)
  expect(upstream.count(/^\/nar\//)).toBe(1)
  await expectSoundDataDir(server.dataDir)
})

test('D6 a NAR cut short under a running server is fetched again in the same request', async () => {
  const { cache, upstream, server, info, file } = await warmServer()
  await truncate(file, 1000)
  await expectNar(server.url, cache, info)
  expect(upstream.count(/^\/nar\//)).toBe(1)
  await expectSoundDataDir(server.dataDir)
})

test('D6 a NAR cut short while it is being sent is fetched again, and the client never learns of it', async () => {
  const { cache, upstream, server, info, file } = await warmServer(48_000_000)
  const { rest } = await halted(`${server.url}/${info.url}`)
  await truncate(file, Math.floor(info.narSize / 2))
  expect((await rest()).equals(await cache.bytesOf(info))).toBe(true)
  expect(upstream.count(/^\/nar\//)).toBe(1)
  await expectSoundDataDir(server.dataDir)
})

test('D6 a NAR cut short under several slow readers is fetched again once for all of them', async () => {
  const { cache, upstream, server, info, file } = await warmServer(48_000_000)
  const truth = await cache.bytesOf(info)
  const readers = await Promise.all([1, 2, 3].map(() => halted(`${server.url}/${info.url}`)))
  await truncate(file, Math.floor(info.narSize / 2))
  for (const { rest } of readers) {
    expect((await rest()).equals(truth)).toBe(true)
    await atRest(server)
    expect((await stat(file)).size).toBe(info.narSize)
  }
  expect(upstream.count(/^\/nar\//)).toBe(1)
  await expectSoundDataDir(server.dataDir)
})

/** A client that has had the first bytes, and takes no more before it is told to. */
async function halted(url: string) {
  const reader = (await fetch(url)).body?.getReader()
  const chunks = [(await reader?.read())?.value ?? new Uint8Array()]
  return {
    async rest(): Promise<Buffer> {
      for (let piece = await reader?.read(); piece?.value; piece = await reader?.read())
        chunks.push(piece.value)
      return Buffer.concat(chunks)
    },
  }
}

test('D6 a bit flipped under a running server is found by verify, and mended by the next request', async () => {
  const { cache, upstream, server, info, file } = await warmServer()
  const handle = await open(file, 'r+')
  const byte = (await readFile(file)).subarray(500, 501)
  await handle.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, 500)
  await handle.close()
  await server.stop()
  const args = [
    ...['--data-dir', server.dataDir, '--upstream', upstream.url],
    ...['--trusted-key', cache.publicKey, '--repair'],
  ]
  const { code, stdout } = await runCommand(['verify', ...args])
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`^damaged: ${info.url}`, 'm'))
  await server.restart()
  await expectServed(server.url, cache, info)
  expect(upstream.count(/^\/nar\//)).toBe(1)
  await expectSoundDataDir(server.dataDir)
})

test('D6 a narinfo deleted or overwritten under a running server is served from the index', async () => {
  const { cache, server, info } = await warmServer()
  const path = join(server.dataDir, 'cache', `${info.storePath.hash}.narinfo`)
  await writeFile(path, 'StorePath: rubbish\n')
  await expectServed(server.url, cache, info)
  await rm(path)
  await expectServed(server.url, cache, info)
})
