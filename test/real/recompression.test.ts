import { readFile } from 'node:fs/promises'
import { expect, vi } from 'vitest'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { freshNixClient } from '../support/nix-client.ts'
import { testWith } from '../support/programs.ts'
import { realClosure } from '../support/real-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

testWith(['nix', 'nix-store'])(
  'real clients take a closure packed anew, by every command, and those who remember the old URLs too',
  async () => {
    const closure = await realClosure()
    const upstream = await startFakeUpstream(closure.cache('xz'))
    const narwhal = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [closure.publicKey],
      env: { NARWHAL_RECOMPRESS_ENABLED: 'true' },
    })
    const newClient = () => freshNixClient({ trustedKeys: [closure.publicKey] })
    const old = await newClient()
    expectSuccess(await old.realise(narwhal.url, closure.root))
    await expect
      .poll(
        async () => {
          const response = await fetch(`${narwhal.url}/api/v1/status`)
          const { recompress } = (await response.json()) as { recompress: { done: number } }
          return recompress.done
        },
        { timeout: 240_000, interval: 200 },
      )
      .toBe(closure.paths.length)

    await upstream.down()
    for (const fetch of [
      async (client: typeof old) => client.copyFrom(narwhal.url, closure.root),
      async (client: typeof old) => client.realise(narwhal.url, closure.root),
      async (client: typeof old) => client.build(narwhal.url, closure.expression),
    ]) {
      const client = await newClient()
      expectSuccess(await fetch(client))
      await expectClosure(client, closure)
    }
    const narinfo = /(\w{32})-/.exec(closure.root)?.[1] ?? ''
    const text = await readFile(`${narwhal.dataDir}/cache/${narinfo}.narinfo`, 'utf8')
    expect(text).toContain('Compression: zstd')

    await old.emptyStore()
    expectSuccess(await old.realise(narwhal.url, closure.root))
    await expectClosure(old, closure)

    // The data directory is a binary cache of zstd files in its own right.
    const direct = await newClient()
    expectSuccess(await direct.copyFrom(`file://${narwhal.dataDir}/cache`, closure.root))
    await expectClosure(direct, closure)
  },
)
