import { expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

async function subject(level: 'info' | 'debug') {
  const cache = await syntheticCache({ paths: 1, totalBytes: 200_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    args: ['--log-level', level],
    env: { NARWHAL_LIMITS_PATIENCE: '100ms' },
  })
  const info = cache.infos[0] as NarInfo
  return {
    narwhal,
    upstream,
    info,
    narinfo: `${narwhal.url}/${info.storePath.hash}.narinfo`,
    nar: `${narwhal.url}/${info.url}`,
    lines: (message: string) =>
      narwhal.stderr
        .split('\n')
        .filter((line) => line.includes(`"msg":"${message}"`))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}

test('at debug each request gets one line, with its id, result and bytes', async () => {
  const { narinfo, nar, narwhal, info, lines } = await subject('debug')
  const first = await requestRaw(narinfo)
  await requestRaw(narinfo)
  const file = await requestRaw(nar)
  await requestRaw(`${narwhal.url}/nothing`)
  await expect.poll(() => lines('request').length).toBe(4)
  const path = new URL(narinfo).pathname
  expect(lines('request')).toMatchObject([
    { method: 'GET', path, status: 200, result: 'miss', id: first.header('x-request-id') },
    { path, status: 200, result: 'hit' },
    { path: `/${info.url}`, status: 200, result: 'miss', id: file.header('x-request-id') },
    { path: '/nothing', status: 404, result: 'refused' },
  ])
  const [, , narLine] = lines('request')
  expect(narLine?.bytes).toBeGreaterThan(file.body.length)
  expect(narLine?.bytes).toBeLessThan(file.body.length + 1_000)
  expect(narLine?.ms).toBeGreaterThan(0)
  expect(new Set(lines('request').map(({ id }) => id)).size).toBe(4)
})

test('at debug no line is left out, however many there are', async () => {
  const { narinfo, lines } = await subject('debug')
  for (let time = 0; time < 50; time += 1) await requestRaw(narinfo)
  await expect.poll(() => lines('request').length).toBe(50)
})

test('at info a request that goes well gets no line, and a complete download gets one', async () => {
  const { narinfo, nar, info, lines } = await subject('info')
  await requestRaw(narinfo)
  await Promise.all([requestRaw(nar), requestRaw(nar)])
  await expect.poll(() => lines('fetched a NAR').length).toBe(1)
  expect(lines('fetched a NAR')[0]).toMatchObject({
    file: info.url.slice('nar/'.length),
    name: info.storePath.name,
    bytes: info.fileSize,
    ms: expect.any(Number),
  })
  await requestRaw(nar)
  expect(lines('request')).toEqual([])
})

test('an answer that failed has the id of its line in the log', async () => {
  const { narwhal, narinfo, upstream } = await subject('info')
  await upstream.down()
  const failed = await requestRaw(narinfo)
  expect(failed.status).toBe(503)
  await narwhal.logged(new RegExp(`"id":"${failed.header('x-request-id')}"`))
})

test('an id given by a proxy in front is kept, if it is one', async () => {
  const { narinfo, nar } = await subject('info')
  const ask = (url: string, id: string) => requestRaw(url, { headers: [`X-Request-Id: ${id}`] })
  expect((await ask(narinfo, 'front-1')).header('x-request-id')).toBe('front-1')
  expect((await ask(nar, 'a b')).header('x-request-id')).toMatch(/^[0-9a-f]{6}-\w+$/)
})

test('a narinfo from memory carries no id: it would cost more than it tells', async () => {
  const { narinfo } = await subject('info')
  await requestRaw(narinfo)
  const hit = await requestRaw(narinfo)
  expect(hit.header('x-narwhal')).toBe('memory')
  expect(hit.header('x-request-id')).toBeUndefined()
})
