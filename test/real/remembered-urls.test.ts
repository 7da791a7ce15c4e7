import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { atRest } from '../support/at-rest.ts'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosure } from '../support/proxied-closure.ts'
import type { RealCacheName } from '../support/real-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

const nars = { folder: 'cache/nar', pattern: /./ }
const index = { folder: '.', pattern: /^index\.sqlite/ }
const narinfos = { folder: 'cache', pattern: /\.narinfo$/ }

const losses = {
  'the NARs': [nars],
  'the index': [index],
  'NARs and index': [nars, index],
  everything: [nars, index, narinfos],
} as const

const cases: [RealCacheName, keyof typeof losses][] = [
  ['xz', 'the NARs'],
  ['xz', 'the index'],
  ['xz', 'NARs and index'],
  ['xz', 'everything'],
  ['cachix', 'the NARs'],
  ['cachix', 'the index'],
  ['cachix', 'NARs and index'],
  ['cachix', 'everything'],
  ['harmonia', 'everything'],
  ['attic', 'everything'],
]

// a client remembers a narinfo for 30 days and asks for its URL alone: a 404 there is final
for (const [cache, what] of cases) {
  const name = `URLs a client remembers of ${cache} are answered after the loss of ${what}`
  testWith(['nix', 'nix-store'])(name, async () => {
    const { closure, narwhal, client: newClient } = await proxiedClosure(cache)
    const client = await newClient()
    expectSuccess(await client.realise(narwhal.url, closure.root))

    await atRest(narwhal)
    for (const loss of losses[what]) expect(await lose(narwhal.dataDir, loss)).toBeGreaterThan(0)
    await client.emptyStore()
    expectSuccess(await client.realise(narwhal.url, closure.root))
    await expectClosure(client, closure)

    await narwhal.stop()
    for (const loss of losses[what]) await lose(narwhal.dataDir, loss)
    await narwhal.restart()
    await client.emptyStore()
    expectSuccess(await client.realise(narwhal.url, closure.root))
    await expectClosure(client, closure)
  })
}

/** @returns how many files are gone */
async function lose(
  dataDir: string,
  { folder, pattern }: { folder: string; pattern: RegExp },
): Promise<number> {
  const names = (await readdir(join(dataDir, folder))).filter((name) => pattern.test(name))
  for (const name of names) await rm(join(dataDir, folder, name))
  return names.length
}
