import { expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { StatusReport } from '../../src/server/status-report.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { status, waitFor } from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

async function subject() {
  const cache = await syntheticCache({ paths: 2, totalBytes: 700_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    args: ['--max-size', '10MiB'],
    // Every request upstream is counted here.
    env: { NARWHAL_PREFETCH_NARINFOS: 'false', NARWHAL_PREFETCH_NARS: 'false' },
  })
  const report = async (): Promise<StatusReport> => {
    const response = await requestRaw(`${narwhal.url}/api/v1/status`)
    expect(response.status).toBe(200)
    expect(response.header('content-type')).toBe('application/json; charset=utf-8')
    return JSON.parse(response.body.toString())
  }
  return { cache, upstream, narwhal, report, info: cache.infos[1] as NarInfo }
}

test('the status of a server at rest', async () => {
  const { narwhal, upstream, report, info, cache } = await subject()
  const narBytes = (await cache.bytesOf(info)).length
  await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
  await requestRaw(`${narwhal.url}/${info.url}`)
  await expect
    .poll(async () => [...(await report()).downloads, ...(await report()).notes])
    .toEqual([])
  const now = await report()
  expect(now).toMatchObject({
    state: 'ready',
    notes: [],
    version: '0.1.0',
    node: process.version,
    addresses: [narwhal.url],
    cache: { bytes: narBytes, maxBytes: 10 * 1024 * 1024, reservedBytes: 0, evictions: 0 },
    memory: { narinfos: 1, absences: 0 },
    upstreams: [
      { name: new URL(upstream.url).host, priority: 40, isUp: true, requests: 2, failures: 0 },
    ],
  })
  expect(now.requests.nar).toMatchObject({ miss: 1, hit: 0 })
  expect(now.prefetch.ahead).toEqual({ narinfos: 0, nars: 0, narBytes: 0 })
  expect(Date.parse(now.startedAt)).toBeLessThanOrEqual(Date.now())
  expect(now.upstreams[0]).not.toHaveProperty('lastError')
})

test('a download that runs is shown with its size and its readers', async () => {
  const { narwhal, upstream, report, info, cache } = await subject()
  const gate = Promise.withResolvers<void>()
  upstream.script(/^\/nar\//, waitFor(gate.promise))
  await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
  const clients = [1, 2, 3].map(() => requestRaw(`${narwhal.url}/${info.url}`))
  const download = {
    file: info.url.slice('nar/'.length),
    receivedBytes: 0,
    bytes: (await cache.bytesOf(info)).length,
    readers: 3,
    isWaiting: false,
  }
  await expect.poll(async () => (await report()).downloads).toEqual([download])
  gate.resolve()
  await Promise.all(clients)
  await expect.poll(async () => (await report()).downloads).toEqual([])
})

test('the last error of an upstream stays to be read', async () => {
  const { narwhal, upstream, report } = await subject()
  upstream.script(/\.narinfo$/, status(500), { times: 1 })
  await requestRaw(`${narwhal.url}/${'0'.repeat(32)}.narinfo`)
  const [seen] = (await report()).upstreams
  expect(seen).toMatchObject({ isUp: true, failures: 1, lastError: { code: 'UPSTREAM_STATUS' } })
  expect(seen?.lastError?.message).toContain('500')
})
