import { join } from 'node:path'
import { vi } from 'vitest'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosure } from '../support/proxied-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

for (const cache of ['xz', 'harmonia'] as const) {
  const name = `with the server gone, cache/ filled from ${cache} is a Nix binary cache`
  testWith(['nix', 'nix-store'])(name, async () => {
    const { closure, narwhal, client } = await proxiedClosure(cache)
    expectSuccess(await (await client()).realise(narwhal.url, closure.root))
    await narwhal.stop()

    const offline = await client()
    const url = `file://${join(narwhal.dataDir, 'cache')}`
    expectSuccess(await offline.copyFrom(url, closure.root))
    await expectClosure(offline, closure)
  })
}
