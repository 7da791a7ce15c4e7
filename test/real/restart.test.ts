import { expect, vi } from 'vitest'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { freshNixClient, type NixClient } from '../support/nix-client.ts'
import type { ProgramRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { type RealClosure, realClosure } from '../support/real-closure.ts'
import { restartSupervised, supervisor } from '../support/supervised.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

const commands: Record<
  string,
  (client: NixClient, url: string, closure: RealClosure) => Promise<ProgramRun>
> = {
  'nix copy': (client, url, { root }) => client.copyFrom(url, root),
  'nix-store --realise': (client, url, { root }) => client.realise(url, root),
  'nix build': (client, url, { expression }) => client.build(url, expression),
}

for (const [name, command] of Object.entries(commands)) {
  testWith(['nix', 'perl'])(`${name} goes on through planned restarts`, async () => {
    const closure = await realClosure()
    const upstream = await startFakeUpstream(closure.cache('xz'))
    // far enough away for narwhal to be restarted while it waits
    upstream.delayMs = 100
    const trustedKeys = [closure.publicKey]
    const upstreams = [upstream.url]
    const narwhal = await startNarwhal({ upstreams, trustedKeys, wrapper: supervisor })
    // one try only: the client's own patience is not what is tested
    const client = await freshNixClient({ trustedKeys, attempts: 1 })

    let isOver = false
    const run = command(client, narwhal.url, closure).finally(() => {
      isOver = true
    })
    await expect.poll(() => upstream.count()).toBeGreaterThan(0)
    await restartSupervised(narwhal)
    await expect.poll(() => upstream.count(/^\/nar\//)).toBeGreaterThan(0)
    expect(isOver).toBe(false)
    await restartSupervised(narwhal)
    expectSuccess(await run)
    await expectClosure(client, closure)
  })
}
