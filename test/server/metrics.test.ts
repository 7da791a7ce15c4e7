import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { operatorRoutes } from '../../src/server/routes.ts'
import { requestKinds, requestResults } from '../../src/telemetry.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { cutAfter, edit, flipBit, waitFor } from '../support/faults.ts'
import { type NarwhalOptions, startNarwhal } from '../support/narwhal-process.ts'
import { parseScrape, type Scrape } from '../support/prometheus.ts'
import { exchangeRaw, requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

/** So that no test waits long for upstreams that are away. */
const impatient = { NARWHAL_LIMITS_PATIENCE: '100ms' }
const missing = '0'.repeat(32)
/** For tests that count every request upstream: nothing is asked that no client asked. */
const onlyAsked = { NARWHAL_PREFETCH_NARINFOS: 'false', NARWHAL_PREFETCH_NARS: 'false' }

async function subject(options: Partial<NarwhalOptions> = {}) {
  const cache = await syntheticCache({ paths: 4, totalBytes: 1_200_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    ...options,
  })
  const { host } = new URL(upstream.url)
  const info = cache.infos[3] as NarInfo
  return {
    cache,
    upstream,
    narwhal,
    info,
    name: host,
    narinfo: `${narwhal.url}/${info.storePath.hash}.narinfo`,
    nar: `${narwhal.url}/${info.url}`,
  }
}

async function scrape(url: string): Promise<Scrape> {
  const response = await requestRaw(`${url}/metrics`)
  expect(response.status).toBe(200)
  return parseScrape(response.body.toString())
}

const count = (now: Scrape, kind: string, result: string) =>
  now.value('narwhal_requests_total', { kind, result })

describe('/metrics', () => {
  test('reads like Prometheus wants it, and has all that was promised', async () => {
    const { narwhal, name } = await subject()
    const response = await requestRaw(`${narwhal.url}/metrics`)
    expect(response.header('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(response.header('cache-control')).toBe('no-store')
    const now = parseScrape(response.body.toString())
    for (const family of now.families.keys()) expect(family).toMatch(/^narwhal_[a-z_]+$/)
    expect(now.value('narwhal_build_info', { version: '0.1.0', node: process.version })).toBe(1)
    expect(now.value('narwhal_upstream_up', { upstream: name })).toBe(1)
    for (const family of [
      'narwhal_requests_total',
      'narwhal_sent_bytes_total',
      'narwhal_upstream_request_seconds',
      'narwhal_cache_bytes',
      'narwhal_evictions_total',
      'narwhal_verification_failures_total',
    ])
      expect([...now.families.keys()]).toContain(family)
  })

  test('tells miss, hit, negative, refused, and bytes by where they came from', async () => {
    const { narwhal, narinfo, nar, cache, info, name } = await subject({ env: onlyAsked })
    const narBytes = (await cache.bytesOf(info)).length
    const first = await requestRaw(narinfo)
    await requestRaw(narinfo)
    await requestRaw(narinfo, { method: 'HEAD' })
    for (let time = 0; time < 3; time += 1) await requestRaw(`${narwhal.url}/${missing}.narinfo`)
    await requestRaw(nar)
    // Until it has its place in the cache, who asks for it shares the download.
    await expect.poll(async () => (await scrape(narwhal.url)).value('narwhal_downloads')).toBe(0)
    await requestRaw(nar)
    await requestRaw(nar, { headers: ['Range: bytes=0-9'] })
    await requestRaw(nar, { method: 'HEAD' })
    await requestRaw(`${narwhal.url}/nix-cache-info`)
    await requestRaw(`${narwhal.url}/nothing`)
    // The kernel has the last bytes a moment before they are counted.
    await expect
      .poll(async () =>
        (await scrape(narwhal.url)).value('narwhal_sent_bytes_total', { source: 'disk' }),
      )
      .toBe(narBytes + 10)
    const now = await scrape(narwhal.url)
    expect(count(now, 'narinfo', 'miss')).toBe(1)
    expect(count(now, 'narinfo', 'hit')).toBe(2)
    expect(count(now, 'narinfo', 'negative')).toBe(3)
    expect(count(now, 'nar', 'miss')).toBe(1)
    expect(count(now, 'nar', 'hit')).toBe(3)
    expect(count(now, 'cache-info', 'hit')).toBe(1)
    expect(count(now, 'other', 'refused')).toBe(1)
    const sent = (source: string) => now.value('narwhal_sent_bytes_total', { source })
    expect(sent('memory')).toBe(first.body.length)
    expect(sent('download')).toBe(first.body.length + narBytes)
    expect(now.value('narwhal_received_bytes_total', { upstream: name })).toBe(narBytes)
    expect(now.value('narwhal_cache_bytes')).toBe(narBytes)
    expect(now.value('narwhal_negative_entries')).toBe(1)
    expect(now.value('narwhal_memory_narinfos')).toBe(1)
    const asked = (kind: string) =>
      now.value('narwhal_upstream_request_seconds_count', { upstream: name, kind })
    expect(asked('narinfo')).toBe(2)
    expect(asked('nar')).toBe(1)
  })

  test('tells who shared the way upstream of another', async () => {
    const { upstream, narwhal, narinfo, nar } = await subject()
    for (const [kind, url] of [
      ['narinfo', narinfo],
      ['nar', nar],
    ] as const) {
      const gate = Promise.withResolvers<void>()
      upstream.script(kind === 'nar' ? /^\/nar\// : /\.narinfo$/, waitFor(gate.promise))
      const clients = [1, 2, 3, 4, 5].map(() => requestRaw(url))
      await expect
        .poll(async () => (await scrape(narwhal.url)).value('narwhal_downloads'))
        .toBe(kind === 'nar' ? 1 : 0)
      await expect.poll(() => upstream.count(kind === 'nar' ? /^\/nar\// : /\.narinfo$/)).toBe(1)
      gate.resolve()
      await Promise.all(clients)
      const now = await scrape(narwhal.url)
      // A client that came last may have found the whole answer already.
      const [miss, coalesced, hit] = ['miss', 'coalesced', 'hit'].map((result) =>
        count(now, kind, result),
      ) as [number, number, number]
      expect(miss).toBe(1)
      expect(coalesced).toBeGreaterThan(0)
      expect(miss + coalesced + hit).toBe(5)
      await expect.poll(async () => (await scrape(narwhal.url)).value('narwhal_downloads')).toBe(0)
    }
  })

  test('tells which upstream is down, and that it is back', async () => {
    const { upstream, narwhal, narinfo, name } = await subject({ env: impatient })
    const isUp = async () =>
      (await scrape(narwhal.url)).value('narwhal_upstream_up', { upstream: name })
    await upstream.down()
    const clients = [1, 2, 3, 4].map((digit) =>
      requestRaw(`${narwhal.url}/${String(digit).repeat(32)}.narinfo`),
    )
    await expect.poll(isUp).toBe(0)
    const failures = { upstream: name, kind: 'narinfo' }
    const away = await scrape(narwhal.url)
    expect(away.value('narwhal_upstream_failures_total', failures)).toBeGreaterThanOrEqual(3)
    for (const { status } of await Promise.all(clients)) expect(status).toBe(503)
    expect(count(await scrape(narwhal.url), 'narinfo', 'failed')).toBe(4)
    await upstream.up()
    await expect
      .poll(
        async () => {
          await requestRaw(narinfo)
          return isUp()
        },
        { timeout: 20_000 },
      )
      .toBe(1)
  })

  test('tells of an old answer served because nobody could say', async () => {
    const { upstream, narwhal } = await subject({
      env: { ...impatient, NARWHAL_CACHE_NEGATIVE_TTL: '1ms' },
    })
    const url = `${narwhal.url}/${missing}.narinfo`
    expect((await requestRaw(url)).status).toBe(404)
    await upstream.down()
    expect((await requestRaw(url)).status).toBe(404)
    const now = await scrape(narwhal.url)
    expect(count(now, 'narinfo', 'negative')).toBe(1)
    expect(count(now, 'narinfo', 'stale')).toBe(1)
  })

  test('counts what was not believed, by upstream and reason', async () => {
    const { cache, upstream, narwhal, name, narinfo, nar, info } = await subject()
    const [other] = cache.infos as [NarInfo]
    const forge = upstream.script(
      /\.narinfo$/,
      edit((text) => text.replace(/^Sig: .*\n/m, '')),
    )
    await requestRaw(narinfo)
    forge.stop()
    const spoil = upstream.script(
      /\.narinfo$/,
      edit(() => 'nonsense'),
    )
    await requestRaw(`${narwhal.url}/${other.storePath.hash}.narinfo`)
    spoil.stop()
    await requestRaw(narinfo)
    upstream.script(`/${info.url}`, flipBit(1000))
    const cut = await requestRaw(nar)
    expect(cut.end).toBe('cut')
    const now = await scrape(narwhal.url)
    const failures = (reason: string) =>
      now.value('narwhal_verification_failures_total', { upstream: name, reason })
    expect(failures('signature')).toBe(1)
    expect(failures('format')).toBe(1)
    expect(failures('hash')).toBeGreaterThanOrEqual(1)
    expect(failures('url')).toBe(0)
    expect(now.value('narwhal_broken_responses_total')).toBe(1)
    // A liar is no upstream that is away.
    expect(now.value('narwhal_upstream_up', { upstream: name })).toBe(1)
  })

  test('counts an upstream that breaks off as failed, each time', async () => {
    const { upstream, narwhal, name, narinfo, nar } = await subject()
    await requestRaw(narinfo)
    upstream.script(/^\/nar\//, cutAfter(100_000), { times: 2 })
    expect((await requestRaw(nar)).end).toBe('clean')
    const now = await scrape(narwhal.url)
    const failures = { upstream: name, kind: 'nar' }
    expect(now.value('narwhal_upstream_failures_total', failures)).toBe(2)
  })

  test('counts evictions', async () => {
    const cache = await syntheticCache({ paths: 4, totalBytes: 1_200_000 })
    const sizes = await Promise.all(
      cache.infos.map(async (info) => (await cache.bytesOf(info)).length),
    )
    const maxBytes = sizes.reduce((sum, bytes) => sum + bytes, 0) - 1
    const upstream = await startFakeUpstream(cache.directory)
    const narwhal = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
      args: ['--max-size', `${maxBytes}B`],
    })
    for (const info of cache.infos) {
      await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
      await requestRaw(`${narwhal.url}/${info.url}`)
    }
    await expect
      .poll(async () => (await scrape(narwhal.url)).value('narwhal_evictions_total'))
      .toBeGreaterThan(0)
    const now = await scrape(narwhal.url)
    expect(now.value('narwhal_evicted_bytes_total')).toBeGreaterThan(0)
    expect(now.value('narwhal_cache_bytes')).toBeLessThanOrEqual(maxBytes)
    expect(now.value('narwhal_cache_max_bytes')).toBe(maxBytes)
  })

  test('counts connections beyond limits.max_clients', async () => {
    const { narwhal } = await subject({ env: { NARWHAL_LIMITS_MAX_CLIENTS: '2' } })
    const first = connect(narwhal.port, '127.0.0.1')
    const second = connect(narwhal.port, '127.0.0.1')
    await Promise.all([once(first, 'connect'), once(second, 'connect')])
    await expect(requestRaw(`${narwhal.url}/healthz`)).rejects.toThrow()
    first.destroy()
    const shed = async () => (await scrape(narwhal.url)).value('narwhal_shed_requests_total')
    await expect.poll(() => shed().catch(() => 0)).toBeGreaterThanOrEqual(1)
    second.destroy()
  })

  test('counts each request once, and grows with no URL a client makes up', async () => {
    const cache = await syntheticCache({ paths: 1, totalBytes: 10_000 })
    const narwhal = await startNarwhal({
      upstreams: [pathToFileURL(cache.directory).href],
      trustedKeys: [cache.publicKey],
    })
    const before = await scrape(narwhal.url)
    const targets = Array.from({ length: 10_000 }, (_, at) => {
      const digits = String(at).padStart(32, '0')
      return [`/${digits}.narinfo`, `/nar/x${at}.nar`, `/${at}`, `/%00${at}`][at % 4] as string
    })
    const requests = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const chunks = Array.from({ length: 10 }, (_, at) =>
      requests.slice(at * 1000, at * 1000 + 1000),
    )
    await Promise.all(
      chunks.map((chunk) =>
        exchangeRaw(
          narwhal.port,
          `${chunk.join('')}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
        ),
      ),
    )
    const after = await scrape(narwhal.url)
    const keys = (now: Scrape) =>
      [...now.families.values()].flatMap(({ samples }) => [...samples.keys()])
    expect(keys(after)).toEqual(keys(before))
    expect(keys(after).length).toBeLessThan(200)
    const total = requestKinds
      .flatMap((kind) => requestResults.map((result) => count(after, kind, result) ?? 0))
      .reduce((sum, value) => sum + value, 0)
    // Ten clients asked for the home page too; of the two scrapes only the first was over.
    expect(total).toBe(10_000 + 10 + 1)
  })
})

test('HEAD of every page has the headers of GET and no body', async () => {
  const { narwhal } = await subject()
  for (const path of Object.keys(operatorRoutes)) {
    const got = await requestRaw(narwhal.url + path)
    const head = await requestRaw(narwhal.url + path, { method: 'HEAD' })
    const names = (response: typeof got) => response.headers.map(([name]) => name)
    expect(head.status).toBe(got.status)
    expect(names(head)).toEqual(names(got))
    expect(head.body.length).toBe(0)
    for (const other of [`${path}/`, `${path}?x`, `/${path}`, `${path}%20`, path.toUpperCase()])
      expect((await requestRaw(narwhal.url + other)).status, other).toBeOneOf([400, 404])
    const posted = await requestRaw(narwhal.url + path, { method: 'POST' })
    expect(posted.status).toBe(405)
  }
})

test('the docs name every metric, every result and every page, and no other metric', async () => {
  const { narwhal } = await subject()
  const read = (name: string) => readFile(join(import.meta.dirname, '../../docs', name), 'utf8')
  const [metrics, monitoring] = [await read('metrics.md'), await read('monitoring.md')]
  const now = await scrape(narwhal.url)
  const tabled = [...metrics.matchAll(/^\| `(narwhal_[a-z_]+)/gm)].map(([, name]) => name)
  expect(tabled.toSorted()).toEqual([...now.families.keys()].toSorted())
  for (const result of requestResults) expect(metrics).toContain(`\`${result}\``)
  for (const path of Object.keys(operatorRoutes)) expect(monitoring).toContain(`\`${path}\``)
})
