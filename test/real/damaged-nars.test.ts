import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { auditCache } from '../support/audit-cache.ts'
import { lies } from '../support/audit-data-dir.ts'
import { expectClosure, expectSound, expectSuccess } from '../support/expect-closure.ts'
import type { Fault } from '../support/fake-upstream.ts'
import * as faults from '../support/faults.ts'
import type { NixClient } from '../support/nix-client.ts'
import { fieldOf } from '../support/opaque-cache.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosureWith } from '../support/proxied-closure.ts'
import { requestRaw } from '../support/raw-http.ts'
import type { RealCacheName, RealClosure } from '../support/real-closure.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

// far beyond the end of all NARs but the three large ones, and more than 64 KiB before theirs:
// damage there is seen when the client already has bytes
const deep = 150_000
const largeNars = 3

// in the first string of a NAR, and not in its length: Nix 2.8 reserves the 4 GiB a flipped length
// asks for, and is busy with that for many seconds
const early = 18

// an upstream that cuts each NAR short is there all the time: nothing is gained by waiting for it
const env = { NARWHAL_LIMITS_PATIENCE: '300ms' }

const soon = { timeout: 40_000 }

const flaws: { name: string; fault: Fault; code: RegExp }[] = [
  { name: 'a flipped bit near the start', fault: faults.flipBit(early), code: /CORRUPT/ },
  { name: 'a flipped bit in the middle', fault: faults.flipBit(deep), code: /CORRUPT/ },
  {
    name: 'a body cut short',
    fault: faults.truncateAt(deep),
    code: /UPSTREAM_CUT_SHORT|UPSTREAM_MALFORMED/,
  },
]

for (const cache of ['xz', 'nix-serve'] as const satisfies RealCacheName[]) {
  for (const { name, fault, code } of flaws) {
    testWith(['nix', 'nix-store'])(`${name} of a NAR of ${cache} deceives nobody`, async () => {
      const { closure, upstream, narwhal, client: newClient } = await proxiedClosureWith(env, cache)
      upstream.script(/^\/nar\//, fault)
      const client = await newClient({ attempts: 2 })
      expect(await client.copyFrom(narwhal.url, closure.root)).not.toMatchObject({ code: 0 })
      await expectSound(client)

      const large = await narinfoOfLarge(closure, narwhal.url)
      const answer = await requestRaw(`${narwhal.url}/${fieldOf(large, 'URL')}`)
      expect(answer.status === 200 && answer.end === 'clean').toBe(false)
      await narwhal.logged(code)
      expect(narwhal.stderr).toContain(upstream.url.replace('http://', ''))
      // what was fetched ahead of the client may be getting its place just now
      await expect
        .poll(() => auditCache(join(narwhal.dataDir, 'cache'), closure.publicKey), {
          ...soon,
          message: lies,
        })
        .toEqual([])
    })

    testWith(['nix', 'nix-store'])(
      `${name} of a NAR of ${cache} is made up for by another upstream`,
      async () => {
        const stage = await proxiedClosureWith(env, cache, cache)
        const { closure, upstream, narwhal } = stage
        upstream.script(/^\/nar\//, fault)
        const client = await stage.client()
        await succeedInTheEnd(client, narwhal.url, closure)
        await expectClosure(client, closure)
        expect(upstream.count(/^\/nar\//)).toBeGreaterThan(0)
        // what was fetched ahead of the client may be getting its place just now
        await expect
          .poll(() => auditCache(join(narwhal.dataDir, 'cache'), closure.publicKey), {
            ...soon,
            message: lies,
          })
          .toEqual([])
      },
    )
  }
}

testWith(['nix', 'nix-store'])(
  'a NAR that breaks off is resumed unseen by the client',
  async () => {
    const { closure, upstream, narwhal, client: newClient } = await proxiedClosureWith(env, 'xz')
    upstream.script(
      ({ path, headers }) => path.startsWith('/nar/') && !headers.some(isRange),
      [faults.cutAfter(deep)],
    )
    const client = await newClient({ attempts: 1 })
    expectSuccess(await client.copyFrom(narwhal.url, closure.root))
    await expectClosure(client, closure)
    const resumed = upstream.requests.filter(({ headers }) => headers.some(isRange))
    // a busy machine may be slow to answer, and one that is gets a second request beside the first
    expect(new Set(resumed.map(({ path }) => path)).size).toBe(largeNars)
    const ranges = resumed.flatMap(({ headers }) => headers.filter(isRange))
    const offsets = ranges.map(([, value]) => Number(/^bytes=(\d+)-$/.exec(value)?.[1]))
    // what the socket still held when it closed may be asked for again, but not all from the start
    for (const offset of offsets) expect(offset).toBeGreaterThan(deep / 4)
    for (const offset of offsets) expect(offset).toBeLessThanOrEqual(deep)
  },
)

// Bytes of a large NAR may be on their way to the client before the flaw is seen: it is cut off
// then and fails, and the next try gets that NAR from elsewhere. So each large NAR costs at most one.
async function succeedInTheEnd(
  client: NixClient,
  url: string,
  { root }: RealClosure,
): Promise<void> {
  for (let failures = 0; failures < largeNars; failures += 1) {
    if ((await client.realise(url, root)).code === 0) return
    await expectSound(client)
  }
  expectSuccess(await client.realise(url, root))
}

async function narinfoOfLarge(closure: RealClosure, url: string): Promise<string> {
  const path = closure.paths.find((candidate) => candidate.endsWith('-node-3-0')) ?? ''
  const response = await requestRaw(
    `${url}/${path.slice('/nix/store/'.length).slice(0, 32)}.narinfo`,
  )
  expect(response.status).toBe(200)
  return response.body.toString()
}

function isRange([name]: readonly [string, string]): boolean {
  return name === 'range'
}
