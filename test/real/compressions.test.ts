import { expect, vi } from 'vitest'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import type { NixClient } from '../support/nix-client.ts'
import type { ProgramRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosure } from '../support/proxied-closure.ts'
import type { RealClosure, RealCompression } from '../support/real-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

type Command = (client: NixClient, url: string, closure: RealClosure) => Promise<ProgramRun>

const commands = {
  'nix copy --from': (client, url, { root }) => client.copyFrom(url, root),
  'nix-store -r': (client, url, { root }) => client.realise(url, root),
  'nix build': (client, url, { expression }) => client.build(url, expression),
} satisfies Record<string, Command>

// each command fetches cold once from the commonest compression, and each compression is fetched
// cold once by the command that asks for most at a time; warm, every command meets every one
const coldFetches: [RealCompression, keyof typeof commands][] = [
  ['xz', 'nix copy --from'],
  ['xz', 'nix-store -r'],
  ['xz', 'nix build'],
  ['zstd', 'nix build'],
  ['bzip2', 'nix-store -r'],
  ['none', 'nix copy --from'],
  ['br', 'nix-store -r'],
]

for (const [compression, cold] of coldFetches) {
  const name = `${cold} fetches a cold closure of ${compression}, and then all do without upstream`
  testWith(['nix', 'nix-store'])(name, async () => {
    const stage = await proxiedClosure(compression)
    const { closure, upstream, narwhal } = stage
    const fetchWith = async (command: Command) => {
      const client = await stage.client()
      expectSuccess(await command(client, narwhal.url, closure))
      await expectClosure(client, closure)
    }

    await fetchWith(commands[cold])
    upstream.forget()
    for (const command of Object.values(commands)) await fetchWith(command)
    expect(upstream.requests.map(({ target }) => target)).toEqual([])

    await narwhal.restart()
    await upstream.down()
    await fetchWith(commands[cold])
  })
}
