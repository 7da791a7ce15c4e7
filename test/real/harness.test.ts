import { expect, vi } from 'vitest'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import * as faults from '../support/faults.ts'
import { freshNixClient } from '../support/nix-client.ts'
import { testWith } from '../support/programs.ts'
import { type RealCacheName, realClosure } from '../support/real-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

// the control group: what these tests say of the proxy would mean nothing if a real client
// did not get along with the fake upstream itself
const caches: RealCacheName[] = [
  ...(['xz', 'zstd', 'bzip2', 'none', 'br'] as const),
  ...(['cachix', 'harmonia', 'nix-serve', 'attic'] as const),
]

for (const cache of caches) {
  testWith(['nix', 'nix-store'])(`without a proxy, a client fetches from ${cache}`, async () => {
    const closure = await realClosure()
    const upstream = await startFakeUpstream(closure.cache(cache))
    const client = await freshNixClient({ trustedKeys: [closure.publicKey] })
    expectSuccess(await client.realise(upstream.url, closure.root))
    expect(closure.paths.length).toBeGreaterThanOrEqual(60)
    await expectClosure(client, closure)
  })
}

testWith(['nix', 'nix-store'])('a client that remembers sends GET /nar/… alone', async () => {
  const closure = await realClosure()
  const upstream = await startFakeUpstream(closure.cache('xz'))
  const client = await freshNixClient({ trustedKeys: [closure.publicKey] })
  expectSuccess(await client.copyFrom(upstream.url, closure.root))
  upstream.forget()
  await client.emptyStore()
  expectSuccess(await client.realise(upstream.url, closure.root))
  expect(upstream.count()).toBe(closure.paths.length)
  expect(upstream.count(/^\/nar\//)).toBe(closure.paths.length)
})

testWith(['nix', 'nix-store'])(
  'a client refuses what is unsigned, foreign or damaged',
  async () => {
    const closure = await realClosure()
    for (const cache of ['unsigned', 'foreign'] as const) {
      const upstream = await startFakeUpstream(closure.cache(cache))
      const client = await freshNixClient({ trustedKeys: [closure.publicKey] })
      expect(await client.copyFrom(upstream.url, closure.root)).not.toMatchObject({ code: 0 })
    }
    const upstream = await startFakeUpstream(closure.cache('none'))
    upstream.script(/^\/nar\//, faults.flipBit(18))
    const client = await freshNixClient({ trustedKeys: [closure.publicKey] })
    expect(await client.copyFrom(upstream.url, closure.root)).not.toMatchObject({ code: 0 })
  },
)
