import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosure } from '../support/proxied-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

const blipMs = 5_000
/** The copy goes on while nobody looks. */
const often = { interval: 10 }
const testWithNix = testWith(['nix', 'nix-store'])

testWithNix('a network blip of 5 s during nix copy is invisible to the client', async () => {
  const stage = await proxiedClosure('xz')
  const { closure, upstream, narwhal } = stage
  // far enough away that the copy is still under way when the blip comes
  upstream.delayMs = 30
  const client = await stage.client({ attempts: 1 })
  const copying = client.copyFrom(narwhal.url, closure.root)
  await expect.poll(() => upstream.count(/^\/nar\//), often).toBeGreaterThan(5)
  await upstream.down()
  await delay(blipMs)
  await upstream.up()
  expectSuccess(await copying)
  await expectClosure(client, closure)
  await narwhal.logged(/is away/)
  await narwhal.logged(/is back/)
})

testWithNix('with all upstreams down, a build of cached paths succeeds', async () => {
  const stage = await proxiedClosure('xz', 'zstd')
  const { closure, upstreams, narwhal } = stage
  const first = await stage.client()
  expectSuccess(await first.copyFrom(narwhal.url, closure.root))
  await Promise.all(upstreams.map((upstream) => upstream.down()))
  for (const _ of ['while it runs', 'after a restart']) {
    const client = await stage.client({ attempts: 1 })
    expectSuccess(await client.build(narwhal.url, closure.expression))
    await expectClosure(client, closure)
    await narwhal.restart()
  }
})

testWithNix('one of two upstreams dies during nix-store -r: the client sees nothing', async () => {
  const stage = await proxiedClosure('xz', 'xz')
  const { closure, upstream, narwhal } = stage
  for (const each of stage.upstreams) each.delayMs = 20
  const client = await stage.client({ attempts: 1 })
  const realising = client.realise(narwhal.url, closure.root)
  await expect.poll(() => upstream.count(/^\/nar\//), often).toBeGreaterThan(3)
  await upstream.down()
  expectSuccess(await realising)
  await expectClosure(client, closure)
})
