import { expect } from 'vitest'
import { printStorePath } from '../../src/nix/store-path.ts'
import { nearSubstituters } from '../../src/nixos/tiers.ts'
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts'
import { freshNixClient } from '../support/nix-client.ts'
import { testWith } from '../support/programs.ts'
import { type SyntheticCache, syntheticCache } from '../support/synthetic-cache.ts'

const test = testWith(['nix', 'nix-store'])

/** Two caches of one kind that say the same priority of themselves, the nearer one first. */
async function twoCaches(): Promise<{
  near: FakeUpstream
  far: FakeUpstream
  cache: SyntheticCache
}> {
  const cache = await syntheticCache({ paths: 1 })
  return {
    cache,
    near: await startFakeUpstream(cache.directory),
    far: await startFakeUpstream(cache.directory),
  }
}

/** Asks what it would fetch, in an order of substituters that the priorities have to put right. */
async function ask({ near, far, cache }: Awaited<ReturnType<typeof twoCaches>>): Promise<string> {
  const client = await freshNixClient({ trustedKeys: [cache.publicKey] })
  const [info] = cache.infos
  const path = info ? printStorePath(info.storePath, info.storeDir) : ''
  const urls = nearSubstituters([near.url, far.url]).toReversed()
  const { stderr } = await client.dryRun(urls.join(' '), path)
  return stderr
}

test('the real Nix asks the nearest cache first, whatever order the others stand in', async () => {
  const caches = await twoCaches()
  expect(await ask(caches)).toMatch(/will be fetched/)
  expect(caches.near.count(/\.narinfo$/)).toBe(1)
  expect(caches.far.count(/\.narinfo$/)).toBe(0)
})

test('and the next one when that is off', async () => {
  const caches = await twoCaches()
  await caches.near.down()
  expect(await ask(caches)).toMatch(/will be fetched/)
  expect(caches.far.count(/\.narinfo$/)).toBe(1)
})
