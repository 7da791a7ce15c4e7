import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { printNarInfo } from '../../src/nix/narinfo.ts'
import { httpUpstream } from '../../src/upstream/http.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { body, cutAfter, drip, edit, flipBit, header, redirect, status } from '../support/faults.ts'
import { headerOf } from '../support/http-head.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

const never = new AbortController().signal

async function subject(authorization?: string) {
  const cache = await syntheticCache({ paths: 2, totalBytes: 300_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const source = httpUpstream({ name: 'up', url: upstream.url, authorization, maxConnections: 4 })
  const info = cache.infos[1] as NarInfo
  const ask = () => source.narinfo(info.storePath.hash, never)
  return { cache, upstream, source, info, ask }
}

describe('an http upstream', () => {
  test.each([404, 410, 403])('takes %i as absent', async (code) => {
    const { upstream, ask } = await subject()
    upstream.script(/./, status(code))
    expect(await ask()).toBeUndefined()
  })

  test.each([400, 401, 407, 429, 500, 502, 503, 204, 206])(
    'takes %i as "cannot say", never as absent',
    async (code) => {
      const { upstream, ask } = await subject()
      upstream.script(/./, status(code))
      await expect(ask()).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' })
    },
  )

  test('undoes a Content-Encoding it did not ask for', async () => {
    const { upstream, ask, info } = await subject()
    upstream.script(/narinfo/, [
      body(gzipSync(printNarInfo(info))),
      header('Content-Encoding', 'gzip'),
    ])
    expect((await ask())?.narHash.digest).toEqual(new Uint8Array(info.narHash.digest))
  })

  test('refuses a narinfo that unpacks to more than a narinfo can be', async () => {
    const { upstream, ask } = await subject()
    upstream.script(/narinfo/, [
      body(gzipSync(Buffer.alloc(50_000_000))),
      header('Content-Encoding', 'gzip'),
    ])
    await expect(ask()).rejects.toMatchObject({ code: 'UPSTREAM_MALFORMED' })
    upstream.script(/narinfo/, body(Buffer.alloc(2_000_000, 'a')))
    await expect(ask()).rejects.toMatchObject({ code: 'UPSTREAM_MALFORMED' })
  })

  test('refuses a captive portal', async () => {
    const { upstream, ask } = await subject()
    upstream.script(/narinfo/, body('<html>Please log in</html>\n'))
    await expect(ask()).rejects.toMatchObject({ code: 'BAD_NARINFO' })
  })

  test.each(['https://evil.example.net/x', '//evil.example.net/x', '../x', 'file:///etc/passwd'])(
    'refuses a narinfo whose URL is %s',
    async (url) => {
      const { upstream, ask } = await subject()
      upstream.script(
        /narinfo/,
        edit((text) => text.replace(/^URL: .*$/m, `URL: ${url}`)),
      )
      await expect(ask()).rejects.toMatchObject({ code: 'FOREIGN_URL' })
    },
  )

  test('follows redirects, but keeps the credentials to itself', async () => {
    const { upstream, source, info, cache } = await subject('Basic c2VjcmV0')
    const storage = await startFakeUpstream(cache.directory)
    upstream.script(/nar\//, redirect(`${storage.url}/${info.url}?signed=1`))
    const response = await source.nar({ url: info.url, offset: 0 }, never)
    const chunks: Uint8Array[] = []
    for await (const chunk of response?.chunks ?? []) chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(await cache.bytesOf(info))).toBe(true)
    const authorization = (from: typeof upstream) =>
      from.requests.map(({ headers }) => headerOf(headers, 'authorization'))
    expect(authorization(upstream)).toEqual(['Basic c2VjcmV0'])
    expect(authorization(storage)).toEqual([undefined])
  })

  test('leaves a redirect loop', async () => {
    const { upstream, ask } = await subject()
    upstream.script(/./, redirect(`${upstream.url}/again`))
    await expect(ask()).rejects.toMatchObject({ code: 'UPSTREAM_MALFORMED' })
    expect(upstream.count()).toBe(4)
  })

  test('tells a body that breaks off from one that ends', async () => {
    const { upstream, source, info } = await subject()
    upstream.script(/nar\//, cutAfter(1000, 'reset'))
    const response = await source.nar({ url: info.url, offset: 0 }, never)
    const read = async () => {
      for await (const chunk of response?.chunks ?? []) expect(chunk).toBeDefined()
    }
    await expect(read()).rejects.toMatchObject({ code: 'UPSTREAM_CUT_SHORT' })
  })

  test('does not take our own pauses for the slowness of the upstream', async () => {
    const { upstream, source, info } = await subject()
    upstream.script(/nar\//, drip(8_000, 20))
    const response = await source.nar({ url: info.url, offset: 0 }, never)
    let pausedMs = 0
    const clock = performance.now.bind(performance)
    const now = vi.spyOn(performance, 'now').mockImplementation(() => clock() + pausedMs)
    onTestFinished(() => now.mockRestore())
    let bytes = 0
    for await (const chunk of response?.chunks ?? []) {
      bytes += chunk.length
      pausedMs += 20_000
    }
    expect(bytes).toBe(response?.size)
  })

  test('says so when no client waits for the answer', async () => {
    const { upstream, source, info } = await subject()
    await source.narinfo(info.storePath.hash, never, { isPrefetch: true })
    await source.narinfo(info.storePath.hash, never)
    const purposes = upstream.requests.map(({ headers }) => headerOf(headers, 'sec-purpose'))
    expect(purposes).toEqual(['prefetch', undefined])
  })

  test.each([
    ['another range than the one asked for', header('Content-Range', 'bytes 5-99/100')],
    ['the whole file instead of a range', status(200)],
    ['a body with a Content-Encoding', header('Content-Encoding', 'gzip')],
  ])('refuses %s', async (_, fault) => {
    const { upstream, source, info } = await subject()
    upstream.script(/nar\//, fault)
    await expect(source.nar({ url: info.url, offset: 10 }, never)).rejects.toMatchObject({
      code: 'UPSTREAM_MALFORMED',
    })
  })

  test('does not look into the bytes it passes on', async () => {
    const { upstream, source, info, cache } = await subject()
    upstream.script(/nar\//, flipBit(0))
    const response = await source.nar({ url: info.url, offset: 0 }, never)
    const chunks: Uint8Array[] = []
    for await (const chunk of response?.chunks ?? []) chunks.push(chunk)
    expect(Buffer.concat(chunks).length).toBe((await cache.bytesOf(info)).length)
  })
})
