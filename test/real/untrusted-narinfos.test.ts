import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import type { FakeUpstream, Fault } from '../support/fake-upstream.ts'
import * as faults from '../support/faults.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosure } from '../support/proxied-closure.ts'
import { requestRaw } from '../support/raw-http.ts'
import type { RealCacheName, RealClosure } from '../support/real-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

interface Flaw {
  readonly name: string
  readonly cache: RealCacheName
  /** what is done to every narinfo */
  readonly fault?: (closure: RealClosure) => Promise<Fault>
  /** what the log calls it */
  readonly code: string
}

const flaws: Flaw[] = [
  {
    name: 'a wrong signature',
    cache: 'zstd',
    fault: async () => faults.edit(withBrokenSignature),
    code: 'UNTRUSTED',
  },
  { name: 'no signature', cache: 'unsigned', code: 'UNTRUSTED' },
  { name: 'the signature of an unknown key', cache: 'foreign', code: 'UNTRUSTED' },
  {
    name: 'another NarSize than was signed',
    cache: 'zstd',
    fault: async () => faults.edit((text) => text.replace(/^NarSize: /m, 'NarSize: 1')),
    code: 'UNTRUSTED',
  },
  {
    name: 'the well-signed narinfo of another path',
    cache: 'zstd',
    fault: async (closure) => {
      const other = closure.paths.find((path) => path.endsWith('-node-0-0')) ?? ''
      return faults.body(await readFile(join(closure.cache('zstd'), narinfoOf(other))))
    },
    code: 'WRONG_STORE_PATH',
  },
]

for (const { name, cache, fault, code } of flaws) {
  const spoil = async (upstream: FakeUpstream, closure: RealClosure) => {
    if (fault !== undefined) upstream.script(/\.narinfo$/, await fault(closure))
  }

  testWith(['nix', 'nix-store'])(`${name} gets past the proxy to nobody`, async () => {
    const { closure, upstream, narwhal, client } = await proxiedClosure(cache)
    await spoil(upstream, closure)
    // a client that would take anything: only the proxy stands between it and the flaw
    const careless = await client({ requireSignatures: false, attempts: 1 })
    expect(await careless.copyFrom(narwhal.url, closure.root)).not.toMatchObject({ code: 0 })
    expect(await careless.paths()).toEqual([])

    const answer = await requestRaw(`${narwhal.url}/${narinfoOf(closure.root)}`)
    expect(answer.status).not.toBe(200)
    expect(answer.body.toString()).toContain(code)
    await narwhal.logged(new RegExp(code))
    expect(narwhal.stderr).toContain(upstream.url.replace('http://', ''))
    const kept = await readdir(join(narwhal.dataDir, 'cache'))
    expect(kept.filter((file) => file.endsWith('.narinfo'))).toEqual([])
  })

  testWith(['nix', 'nix-store'])(
    `${name} does not keep the client from a good upstream`,
    async () => {
      const stage = await proxiedClosure(cache, 'xz')
      const { closure, upstream, narwhal } = stage
      await spoil(upstream, closure)
      const client = await stage.client()
      expectSuccess(await client.realise(narwhal.url, closure.root))
      await expectClosure(client, closure)
    },
  )
}

function narinfoOf(storePath: string): string {
  return `${storePath.replace('/nix/store/', '').slice(0, 32)}.narinfo`
}

// one letter of it changed, so that it is well-formed still
function withBrokenSignature(narinfo: string): string {
  return narinfo.replace(/^(Sig: [^:]+:)(.)/m, (_, start, letter) =>
    letter === 'A' ? `${start}B` : `${start}A`,
  )
}
