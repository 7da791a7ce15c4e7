import { expect, vi } from 'vitest'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import { opaqueShapes } from '../support/opaque-cache.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosure } from '../support/proxied-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

for (const { name } of opaqueShapes) {
  testWith(['nix', 'nix-store'])(`NAR URLs as ${name} writes them work cold and warm`, async () => {
    const stage = await proxiedClosure(name)
    const { closure, upstream, narwhal } = stage
    const cold = await stage.client()
    expectSuccess(await cold.realise(narwhal.url, closure.root))
    await expectClosure(cold, closure)

    upstream.forget()
    const warm = await stage.client()
    expectSuccess(await warm.copyFrom(narwhal.url, closure.root))
    await expectClosure(warm, closure)
    expect(upstream.requests.map(({ target }) => target)).toEqual([])
  })
}
