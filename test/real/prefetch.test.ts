import { expect, vi } from 'vitest'
import type { StatusReport } from '../../src/server/status-report.ts'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import type { FakeUpstream } from '../support/fake-upstream.ts'
import { type NarwhalProcess, startNarwhal } from '../support/narwhal-process.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosure } from '../support/proxied-closure.ts'
import { requestRaw } from '../support/raw-http.ts'
import { startTcpRelay } from '../support/tcp-relay.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

const isNar = /^\/nar\//
const isNarinfo = /\.narinfo$/
const nix = testWith(['nix', 'nix-store'])

async function statusOf({ url }: NarwhalProcess): Promise<StatusReport> {
  return JSON.parse((await requestRaw(`${url}/api/v1/status`)).body.toString())
}

async function atRest(narwhal: NarwhalProcess, upstream: FakeUpstream): Promise<StatusReport> {
  const busy = async () => (await statusOf(narwhal)).downloads.length + upstream.busy
  await expect.poll(busy).toBe(0)
  return statusOf(narwhal)
}

function expectNothingTwice({ requests }: FakeUpstream): void {
  const paths = requests.map(({ path }) => path)
  expect(paths.filter((path, at) => paths.indexOf(path) !== at)).toEqual([])
}

nix(
  'nix copy of a cold closure: nothing asked twice, nearly all there before it asks',
  async () => {
    const { closure, upstream, narwhal, client } = await proxiedClosure('xz')
    upstream.delayMs = 20
    const cold = await client()
    expectSuccess(await cold.copyFrom(narwhal.url, closure.root))
    await expectClosure(cold, closure)
    expectNothingTwice(upstream)
    const { prefetch, requests } = await atRest(narwhal, upstream)
    expect(upstream.count(isNar)).toBe(closure.paths.length)
    expect(requests.nar.prefetched).toBeGreaterThan(closure.paths.length - 5)
    expect(requests.narinfo.prefetched).toBeGreaterThan(closure.paths.length / 2)
    expect(prefetch.nar.wasted).toBe(0)
  },
)

nix('nix-store -r of a cold closure: the same', async () => {
  const { closure, upstream, narwhal, client } = await proxiedClosure('zstd')
  upstream.delayMs = 20
  const cold = await client()
  expectSuccess(await cold.realise(narwhal.url, closure.root))
  await expectClosure(cold, closure)
  expectNothingTwice(upstream)
  const { prefetch, requests } = await atRest(narwhal, upstream)
  expect(requests.nar.prefetched).toBeGreaterThan(closure.paths.length / 2)
  expect(prefetch.nar.wasted).toBe(0)
})

nix('looking at a closure fetches no NAR', async () => {
  const { closure, upstream, narwhal, client } = await proxiedClosure('zstd')
  const looking = await client()
  expectSuccess(await looking.dryRun(narwhal.url, closure.root))
  expectSuccess(await looking.pathInfo(narwhal.url, closure.root))
  await atRest(narwhal, upstream)
  expect(upstream.count(isNarinfo)).toBe(closure.paths.length)
  expect(upstream.count(isNar)).toBe(0)
})

nix('what a client has already is hardly fetched for it', async () => {
  const { closure, upstream, narwhal, client } = await proxiedClosure('zstd')
  const partly = await client()
  const others = closure.paths.filter((path) => path !== closure.root)
  expectSuccess(await partly.copyFrom(upstream.url, ...others.slice(0, 20)))
  const had = await partly.paths()
  upstream.forget()
  expectSuccess(await partly.copyFrom(narwhal.url, closure.root))
  await expectClosure(partly, closure)
  const { prefetch } = await atRest(narwhal, upstream)
  const missing = closure.paths.length - had.length
  expect(missing).toBeGreaterThan(5)
  expect(upstream.count(isNar)).toBeLessThanOrEqual(missing + 2)
  expect(prefetch.nar.wastedBytes).toBeLessThanOrEqual(0.05 * prefetch.nar.fetchedBytes)
})

nix('through two narwhals, and a long line, all is fetched once', async () => {
  const { closure, upstream, narwhal, client } = await proxiedClosure('xz')
  const line = await startTcpRelay({ to: narwhal.port, delayMs: 10 })
  const near = await startNarwhal({ upstreams: [line.url], trustedKeys: [closure.publicKey] })
  const cold = await client()
  expectSuccess(await cold.copyFrom(near.url, closure.root))
  await expectClosure(cold, closure)
  expectNothingTwice(upstream)
  expect((await statusOf(near)).requests.nar.prefetched).toBeGreaterThan(closure.paths.length / 2)
  expect((await atRest(narwhal, upstream)).prefetch.nar.wasted).toBe(0)
})
