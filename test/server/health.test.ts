import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { type HealthFacts, judgeHealth } from '../../src/server/health.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { parseScrape } from '../support/prometheus.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

const well: HealthFacts = {
  isStopping: false,
  upstreams: [
    { name: 'near', isUp: true },
    { name: 'far', isUp: true },
  ],
  cache: { indexIsComplete: true, isStoring: true, freeBytes: 10, minFreeBytes: 5 },
}
const far = { name: 'far', isUp: false, lastError: { message: 'far cannot be reached' } }

describe('health', () => {
  const cases: [string, Partial<HealthFacts>, string, string[]][] = [
    ['all well', {}, 'ready', []],
    [
      'an index being rebuilt',
      { cache: { ...well.cache, indexIsComplete: false } },
      'ready',
      ['index-rebuilding'],
    ],
    [
      'one upstream down',
      { upstreams: [{ name: 'near', isUp: true }, far] },
      'degraded',
      ['upstream-down'],
    ],
    [
      'every upstream down',
      { upstreams: [far] },
      'degraded',
      ['all-upstreams-down', 'upstream-down'],
    ],
    [
      'a sick disk',
      { cache: { ...well.cache, isStoring: false } },
      'degraded',
      ['disk-unwritable'],
    ],
    ['a full disk', { cache: { ...well.cache, freeBytes: 4 } }, 'degraded', ['disk-below-floor']],
    ['stopping', { isStopping: true }, 'unready', ['stopping']],
    ['stopping, whatever else', { isStopping: true, upstreams: [] }, 'unready', ['stopping']],
  ]
  test.each(cases)('with %s', (_what, change, state, codes) => {
    const health = judgeHealth({ ...well, ...change })
    expect({ state: health.state, codes: health.notes.map(({ code }) => code) }).toEqual({
      state,
      codes,
    })
  })
})

async function subject() {
  const cache = await syntheticCache({ paths: 2, totalBytes: 700_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    env: { NARWHAL_LIMITS_PATIENCE: '100ms' },
  })
  const readiness = async () => {
    const { status, body } = await requestRaw(`${narwhal.url}/readyz`)
    return { status, ...JSON.parse(body.toString()) }
  }
  return { upstream, narwhal, readiness }
}

test('/healthz and /readyz of a server that is well', async () => {
  const { narwhal, readiness } = await subject()
  const alive = await requestRaw(`${narwhal.url}/healthz`)
  expect({ status: alive.status, body: alive.body.toString() }).toEqual({
    status: 200,
    body: 'ok\n',
  })
  // Just after the start its new, empty index may still be said to be read in.
  await expect.poll(readiness).toEqual({ status: 200, state: 'ready', notes: [] })
})

test('a server whose upstreams are all down stays ready, and says what is wrong', async () => {
  const { narwhal, upstream, readiness } = await subject()
  await upstream.down()
  const clients = [1, 2, 3].map((digit) =>
    requestRaw(`${narwhal.url}/${String(digit).repeat(32)}.narinfo`),
  )
  // Just after the start its new, empty index may still be said to be read in.
  const codes = async () => (await readiness()).notes.map(({ code }: { code: string }) => code)
  await expect.poll(codes).toEqual(['all-upstreams-down', 'upstream-down'])
  const { status, state, notes } = await readiness()
  expect({ status, state }).toEqual({ status: 200, state: 'degraded' })
  expect(notes[1].message).toContain(new URL(upstream.url).host)
  expect((await requestRaw(`${narwhal.url}/healthz`)).status).toBe(200)
  await Promise.all(clients)
})

test('a server whose data directory is taken away stays ready, and still tells of itself', async () => {
  const { narwhal, readiness } = await subject()
  await expect.poll(readiness).toEqual({ status: 200, state: 'ready', notes: [] })
  await rm(narwhal.dataDir, { recursive: true, force: true, maxRetries: 3 })
  const look = async () => {
    expect((await readiness()).status).toBe(200)
    return narwhal.stderr
  }
  await expect.poll(look).toContain('could not ask the file system')
  const metrics = await requestRaw(`${narwhal.url}/metrics`)
  expect(metrics.status).toBe(200)
  const now = parseScrape(metrics.body.toString())
  // What the file system has said last.
  expect(now.value('narwhal_disk_free_bytes')).toBeGreaterThan(0)
  const { status, body } = await requestRaw(`${narwhal.url}/api/v1/status`)
  expect(status).toBe(200)
  expect(JSON.parse(body.toString())).toMatchObject({ cache: { originBytes: 0 } })
})

test('a server that stops is unready to whoever still gets an answer', async () => {
  const { narwhal } = await subject()
  const socket = connect(narwhal.port, '127.0.0.1')
  socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n')
  await requestRaw(`${narwhal.url}/healthz`)
  const stopped = narwhal.stop()
  await narwhal.logged(/stopping/)
  socket.write('\r\n')
  const answer = await text(socket)
  expect(answer).toContain('HTTP/1.1 503 Service Unavailable')
  expect(answer).toMatch(/"code": "stopping"/)
  await stopped
})
