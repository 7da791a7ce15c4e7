import { resolve, sep } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { admit } from '../../src/server/gate.ts'
import { layoutOf } from '../../src/store/layout.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { exchangeRaw } from '../support/raw-http.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Each takes next to no time. */
const runs = 40 * Number(process.env.FUZZ_RUNS ?? 25)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const options = { numRuns: runs, seed }

/** 32 bytes in base32: of 260 bits the first four are none */
const digest = fc.stringMatching(/^[01][0-9a-df-np-sv-z]{51}$/)
const scrap = fc.oneof(
  fc.constantFrom('/', '//', '..', '.', '\\', '%2e', '%2f', '%5c', '%252e', '%00', '%', '?', '#'),
  fc.constantFrom('nar/', '.nar', '.nar.xz', '.narinfo', '.ls', 'nix-cache-info', 'tmp', 'metrics'),
  fc.constantFrom('http://x', 'x:80', '*', '__proto__', 'index.sqlite', 'cache/nar'),
  digest,
  fc.stringMatching(/^[0-9a-df-np-sv-z]{32}-?$/),
  fc.string({ unit: 'binary', maxLength: 4 }),
)
const url = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(scrap, { maxLength: 6 }).map((scraps) => `/${scraps.join('')}`),
  fc.array(scrap, { maxLength: 6 }).map((scraps) => scraps.join('')),
  fc
    .tuple(fc.array(scrap, { maxLength: 3 }), digest, fc.constantFrom('.nar', '.nar.xz'))
    .map(([scraps, file, end]) => `/nar/${scraps.join('')}${file}${end}`),
)

test('any URL is a route of our own or refused with 4xx, and no path it leads to lies outside the data directory', () => {
  const layout = layoutOf('/data')
  fc.assert(
    fc.property(fc.constantFrom('GET', 'HEAD', 'PUT', ''), url, (method, text) => {
      const target = admit(method, text)
      if (target.kind === 'refused') expect([400, 404, 405, 414]).toContain(target.status)
      if (target.kind === 'narinfo') expectInside(layout.cache, layout.narinfo(target.hash))
      if (target.kind === 'nar') {
        expectInside(layout.nars, layout.nar(target.file.name))
        expectInside(layout.temporary, layout.part(target.file.name))
      }
    }),
    options,
  )
})

function expectInside(directory: string, path: string): void {
  expect(path).toBe(resolve(path))
  expect(path.startsWith(directory + sep)).toBe(true)
  expect(path.slice(directory.length + 1)).not.toContain(sep)
}

test(`any request line is answered with 200 or 4xx by a server that has nothing: seed ${seed}`, {
  timeout: 60_000 + runs * 100,
}, async () => {
  const upstream = await startFakeUpstream(await tempDir('empty'))
  const narwhal = await startNarwhal({ upstreams: [upstream.url], trustedKeys: [] })
  const method = fc.oneof(
    { weight: 4, arbitrary: fc.constant('GET') },
    fc.constantFrom('HEAD', 'PUT', 'OPTIONS', 'get', ''),
  )
  await fc.assert(
    fc.asyncProperty(method, url, async (verb, target) => {
      const head = `${verb} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
      const { responses } = await exchangeRaw(narwhal.port, Buffer.from(head), { methods: [verb] })
      // the line may hold line breaks of its own, and so be several requests
      for (const { status } of responses)
        expect(status === 200 || (status >= 400 && status < 500), `${status}`).toBe(true)
    }),
    { ...options, numRuns: Math.min(300, runs) },
  )
  expect(await narwhal.stop()).toBe(0)
})
