import { expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { wantsTraces } from '../../src/server/tracing.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { startTraceCollector } from '../support/trace-collector.ts'

async function subject(env: Record<string, string>) {
  const cache = await syntheticCache({ paths: 1, totalBytes: 100_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    args: ['--log-level', 'info'],
    env,
  })
  const info = cache.infos[0] as NarInfo
  return { narwhal, upstream, cache, info, path: `/${info.storePath.hash}.narinfo` }
}

test('a request and what it asks of an upstream are spans of one trace', async () => {
  const collector = await startTraceCollector()
  const { narwhal, path, info } = await subject({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  await requestRaw(narwhal.url + path)
  await requestRaw(`${narwhal.url}/${info.url}`)
  await requestRaw(narwhal.url + path)
  await narwhal.stop()
  expect(collector.requests).toContain('POST /v1/traces application/x-protobuf')
  const named = (name: string, kind: number) =>
    collector.spans.filter((span) => span.name === name && span.kind === kind)
  const [first, second] = named('GET /{hash}.narinfo', 2)
  const [asked] = named('GET /{hash}.narinfo', 3)
  const [nar] = named('GET /nar/{file}', 2)
  const [fetched] = named('GET /nar/{file}', 3)
  expect(first?.parentId).toBe('')
  expect(asked).toMatchObject({ traceId: first?.traceId, parentId: first?.spanId })
  expect(fetched).toMatchObject({ traceId: nar?.traceId, parentId: nar?.spanId })
  // The second answer came from memory.
  expect(named('GET /{hash}.narinfo', 3)).toHaveLength(1)
  expect(second?.traceId).not.toBe(first?.traceId)
})

test('a trace goes on through a chain of narwhals', async () => {
  const collector = await startTraceCollector()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  const { narwhal: far, cache, path, upstream } = await subject(env)
  const near = await startNarwhal({ upstreams: [far.url], trustedKeys: [cache.publicKey], env })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const headers = [`traceparent: 00-${traceId}-b7ad6b7169203331-01`]
  await requestRaw(near.url + path, { headers })
  await near.stop()
  await far.stop()
  const narinfos = collector.spans.filter(({ name }) => name === 'GET /{hash}.narinfo')
  expect(narinfos.map((span) => span.traceId)).toEqual(Array(4).fill(traceId))
  const parents = new Set(narinfos.map(({ parentId }) => parentId))
  expect(narinfos.filter(({ spanId }) => parents.has(spanId))).toHaveLength(3)
  const sent = upstream.requests.at(-1)?.headers.join('\n')
  expect(sent).toMatch(new RegExp(`traceparent,00-${traceId}-[0-9a-f]{16}-01`, 'i'))
})

test('nothing of it is done unless it is asked for', async () => {
  const { narwhal, path, upstream } = await subject({})
  await requestRaw(narwhal.url + path)
  expect(upstream.requests.at(-1)?.headers.join('\n')).not.toMatch(/traceparent/i)
  expect(narwhal.stderr).not.toContain('traces')
})

test('a collector that is away disturbs no request', async () => {
  const { narwhal, path } = await subject({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' })
  expect((await requestRaw(narwhal.url + path)).status).toBe(200)
  expect(await narwhal.stop()).toBe(0)
  expect(narwhal.stderr).not.toMatch(/crashed|unhandled/i)
})

test.each([
  [{}, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/v1/traces' }, true],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, false],
  [{ OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, false],
  [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c:4318' }, false],
])('with %j traces are wanted: %s', (env, wanted) => {
  expect(wantsTraces(env)).toBe(wanted)
})
