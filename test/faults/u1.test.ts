import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { describe, expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { dataDirOf } from '../support/data-dir.ts'
import { expectServed } from '../support/expect-served.ts'
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts'
import { faultStage, faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { fieldOf, opaqueShapes, writeOpaqueCache } from '../support/opaque-cache.ts'
import { testWith } from '../support/programs.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'
import { startUnansweredPort } from '../support/unanswered-port.ts'

const isNarinfo = /\.narinfo$/
const isNar = /^\/nar\//
/** What the catalogue allows until another upstream's answer is there. */
const soonMs = 2_000

const noPrefetch = { NARWHAL_PREFETCH_NARINFOS: 'false', NARWHAL_PREFETCH_NARS: 'false' }

/** Upstreams that cannot be reached, each made when a test needs it. */
const away: Readonly<Record<string, () => Promise<string>>> = {
  'a closed port': async () => 'http://127.0.0.1:1',
  'a name that does not exist': async () => 'http://narwhal-test.invalid',
  'an open port that says nothing': async () => {
    const silent = await startFakeUpstream(await tempDir('silent'))
    silent.script(/./, faults.silence())
    return silent.url
  },
  'TLS to a port without TLS': async () => {
    const plain = await startFakeUpstream(await tempDir('plain'))
    return plain.url.replace('http:', 'https:')
  },
}

/** Two upstreams with the same paths, whose URLs say nothing about the files behind them. */
async function opaqueStage() {
  const cache = await syntheticCache({ paths: 1, totalBytes: 300_000 })
  const upstreams = await Promise.all(
    [1, 2].map(async () => {
      const to = await tempDir('opaque')
      const shape = opaqueShapes.find(({ name }) => name === 'attic')
      if (!shape) throw new Error('no such shape')
      await writeOpaqueCache({ from: cache.directory, to, shape })
      return startFakeUpstream(to)
    }),
  )
  const narwhal = await startNarwhal({
    upstreams: upstreams.map(({ url }) => url),
    trustedKeys: [cache.publicKey],
    env: { NARWHAL_LIMITS_PATIENCE: '500ms' },
  })
  return { cache, narwhal, upstreams }
}

/** With this upstream preferred, another one makes up for it before anybody notices. */
async function expectOtherSoon(preferred: string): Promise<void> {
  const stage = await faultStage({ before: [preferred], paths: 8 })
  const { cache, info } = stage
  const soon = { timeoutMs: soonMs }
  for (const { storePath } of cache.infos)
    expect((await stage.get(`/${storePath.hash}.narinfo`, soon)).status).toBe(200)
  expect(await stage.get(`/${info.url}`, soon)).toMatchObject({ status: 200, end: 'clean' })
  // from then on a probe now and then is all that is held towards it
  await stage.narwhal.logged(/is away and asked no more/)
  await stage.expectOracles()
}

describe('U1: of two upstreams the preferred one is', () => {
  for (const [name, make] of Object.entries(away)) {
    test(`${name}: the other answers soon`, { timeout: 180_000 }, async () => {
      await expectOtherSoon(await make())
    })
  }

  testWith(['perl'])(
    'a black hole that answers no SYN: the other answers soon',
    { timeout: 180_000 },
    async () => {
      await expectOtherSoon((await startUnansweredPort()).url)
    },
  )

  test('one that says nothing: found to be away, and then the other is asked alone', {
    timeout: 180_000,
  }, async () => {
    const silent = await startFakeUpstream(await tempDir('silent'))
    silent.script(/./, faults.silence())
    const stage = await faultStage({ before: [silent.url], paths: 12, env: noPrefetch })
    const infos = [...stage.cache.infos]
    for (const info of infos.splice(0, 6)) expect((await stage.narinfo(info)).status).toBe(200)
    const isUp = async () => (await stage.get('/metrics')).body.toString()
    const name = silent.url.replace('http://', '')
    await expect.poll(isUp).toContain(`narwhal_upstream_up{upstream="${name}"} 0`)
    silent.forget()
    for (const info of infos) expect((await stage.narinfo(info)).status).toBe(200)
    expect(silent.count(isNarinfo)).toBe(0)
    await stage.expectOracles()
  })

  testWith(['openssl'])('TLS with a certificate nobody vouches for: never believed', async () => {
    const dir = await tempDir('tls')
    const [key, cert] = [join(dir, 'key'), join(dir, 'cert')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject],
      { stdio: 'ignore' },
    )
    let requests = 0
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
      socket.on('error', () => undefined)
      socket.on('data', () => {
        requests += 1
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    atTestEnd(() => void server.close())
    const { port } = server.address() as AddressInfo
    const stage = await faultStage({ before: [`https://127.0.0.1:${port}`] })
    expect((await stage.narinfo()).status).toBe(200)
    expect((await stage.nar()).status).toBe(200)
    expect(requests).toBe(0)
    await stage.expectOracles()
  })

  faultTest('in trouble: it is not asked for ever', { upstreams: 2, paths: 30 }, async (stage) => {
    const { upstream, cache } = stage
    upstream.script(/./, faults.status(503))
    for (const info of cache.infos) expect((await stage.narinfo(info)).status).toBe(200)
    expect(upstream.count(isNarinfo)).toBeLessThan(10)
  })
})

describe('U1: all upstreams are away', () => {
  const options = { upstreams: 2, paths: 3, totalBytes: 300_000 } as const

  faultTest('all that is cached is served', options, async (stage) => {
    const { cache, upstreams } = stage
    const all = cache.infos
    for (const info of all) {
      await stage.narinfo(info)
      await stage.get(`/${info.url}`)
    }
    for (const upstream of upstreams) await upstream.down()
    for (const info of all) {
      expect((await stage.narinfo(info)).status).toBe(200)
      expect(await stage.get(`/${info.url}`)).toMatchObject({ status: 200, end: 'clean' })
    }
  })

  faultTest(
    'what is not cached is 503 with Retry-After, and there once one is back',
    options,
    async (stage) => {
      const { upstreams, upstream } = stage
      for (const each of upstreams) await each.down()
      const answer = await stage.narinfo()
      expect(answer.status).toBe(503)
      expect(Number(answer.header('retry-after'))).toBeGreaterThan(0)
      await upstream.up()
      await expect.poll(async () => (await stage.narinfo()).status).toBe(200)
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
    },
  )

  faultTest(
    'what is asked while they are away for a moment waits for them',
    { ...options, patience: '10s' },
    async (stage) => {
      const { upstreams, upstream } = stage
      for (const each of upstreams) await each.down()
      const answer = stage.narinfo()
      await stage.narwhal.logged(/cannot be reached/)
      await upstream.up()
      expect((await answer).status).toBe(200)
    },
  )
})

describe('U1: the only upstream is a black hole', () => {
  testWith(['perl'])(
    'all that is cached is served, the breaker opens, and then the rest is 503 at once',
    { timeout: 180_000 },
    async () => {
      const cache = await syntheticCache({ paths: 1, totalBytes: 300_000 })
      const [kept] = cache.infos as [NarInfo]
      const narwhal = await startNarwhal({
        upstreams: [(await startUnansweredPort()).url],
        trustedKeys: [cache.publicKey],
        dataDir: await dataDirOf(cache),
        env: { NARWHAL_LIMITS_PATIENCE: '500ms' },
      })
      const ask = (digit: string) =>
        requestRaw(`${narwhal.url}/${digit.repeat(32)}.narinfo`, { timeoutMs: 20_000 })
      const unknown = ['0', '1', '2'].map(ask)
      await expectServed(narwhal.url, cache, kept)
      for (const { status } of await Promise.all(unknown)) expect(status).toBe(503)
      await narwhal.logged(/is away and asked no more/)
      const asked = performance.now()
      expect((await ask('3')).status).toBe(503)
      // no connection is tried any more, which would take seconds to fail
      expect(performance.now() - asked).toBeLessThan(soonMs)
      await expectServed(narwhal.url, cache, kept)
    },
  )
})

describe('U1: one upstream says no, the other is away', () => {
  faultTest('404, which is not remembered', { upstreams: 2, paths: 2 }, async (stage) => {
    const { upstream, other, cache } = stage
    const info = cache.infos[0] as NarInfo
    other.script(isNarinfo, faults.status(404))
    await upstream.down()
    expect((await stage.narinfo(info)).status).toBe(404)
    await upstream.up()
    await expect.poll(async () => (await stage.narinfo(info)).status).toBe(200)
  })

  test('a NAR that the other has lost is not taken for gone', async () => {
    const { cache, narwhal, upstreams } = await opaqueStage()
    const [best, away] = upstreams as [FakeUpstream, FakeUpstream]
    const info = cache.infos.at(-1) as NarInfo
    const narinfo = () => requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
    const url = fieldOf((await narinfo()).body.toString(), 'URL')
    expect(url).toMatch(/^nar\/[a-z0-9]{32}-/)
    await away.down()
    best.script(isNar, faults.status(404))
    expect((await requestRaw(`${narwhal.url}/${url}`)).status).toBe(503)
    expect((await narinfo()).header('x-narwhal'), 'the narinfo is not forgotten').toBe('memory')
    await away.up()
    const nar = () => requestRaw(`${narwhal.url}/${url}`)
    await expect.poll(async () => (await nar()).status).toBe(200)
  })

  faultTest(
    'a NAR that one of them dies with comes from the other',
    { upstreams: 2 },
    async (stage) => {
      const { upstream, other } = stage
      await stage.narinfo()
      await upstream.down()
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
      expect(other.count(isNar)).toBe(1)
    },
  )
})
