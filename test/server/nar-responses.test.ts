import { describe, expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { chunked } from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { exchangeRaw, type RawResponse, requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

async function subject() {
  const cache = await syntheticCache({ paths: 2, totalBytes: 700_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
  })
  const info = cache.infos[1] as NarInfo
  const url = `${narwhal.url}/${info.url}`
  return { cache, upstream, narwhal, info, url, bytes: await cache.bytesOf(info) }
}

/** Headers that may differ between two answers to the same question. */
const passing = new Set(['date', 'connection', 'keep-alive', 'x-narwhal', 'x-request-id'])

function lasting(response: RawResponse) {
  return response.headers.filter(([name]) => !passing.has(name.toLowerCase()))
}

describe('a NAR response', () => {
  test('is whole, framed by its length, without encoding, and may be kept for ever', async () => {
    const { url, bytes } = await subject()
    for (const temperature of ['cold', 'warm']) {
      const response = await requestRaw(url)
      expect(response.status, temperature).toBe(200)
      expect(response.body.equals(bytes)).toBe(true)
      expect(response.header('content-length')).toBe(String(bytes.length))
      expect(response.header('content-encoding')).toBeUndefined()
      expect(response.header('accept-ranges')).toBe('bytes')
      expect(response.header('cache-control')).toContain('immutable')
      expect(response.header('content-type')).toBe('application/x-nix-nar')
    }
  })

  test('to HEAD has the headers of GET, and fetches nothing where the length is known', async () => {
    const { url, upstream, narwhal, info } = await subject()
    await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
    const cold = await requestRaw(url, { method: 'HEAD' })
    expect(cold.status).toBe(200)
    expect(upstream.count(/^\/nar\//)).toBe(0)
    await requestRaw(url)
    const got = await requestRaw(url)
    const warm = await requestRaw(url, { method: 'HEAD' })
    expect(lasting(warm)).toEqual(lasting(got))
    const length = (response: RawResponse) => response.header('content-length')
    expect(length(cold)).toBe(length(got))
  })

  test.each(['cold', 'warm'])('to a range has just those bytes, %s', async (temperature) => {
    const { url, bytes } = await subject()
    if (temperature === 'warm') await requestRaw(url)
    const total = bytes.length
    const cases: [string, number, number][] = [
      ['bytes=0-0', 0, 1],
      [`bytes=${total - 5}-`, total - 5, total],
      ['bytes=-7', total - 7, total],
      ['bytes=1000-299999', 1000, 300_000],
      [`bytes=5-${total * 2}`, 5, total],
    ]
    for (const [range, start, end] of cases) {
      const response = await requestRaw(url, { headers: [`Range: ${range}`] })
      expect(response.status, range).toBe(206)
      expect(response.header('content-range')).toBe(`bytes ${start}-${end - 1}/${total}`)
      expect(response.header('accept-ranges')).toBe('bytes')
      expect(response.body.equals(bytes.subarray(start, end)), range).toBe(true)
    }
  })

  test('to a range outside the file is 416, to several ranges or nonsense the whole', async () => {
    const { url, bytes } = await subject()
    const beyond = await requestRaw(url, { headers: [`Range: bytes=${bytes.length}-`] })
    expect(beyond.status).toBe(416)
    expect(beyond.header('content-range')).toBe(`bytes */${bytes.length}`)
    for (const range of ['bytes=0-1,4-5', 'bytes=5-1', 'lines=1-2', 'bytes=0-0,0-0,0-0,0-0']) {
      const response = await requestRaw(url, { headers: [`Range: ${range}`] })
      expect(response.status, range).toBe(200)
      expect(response.body.equals(bytes)).toBe(true)
    }
  })

  test('honours If-None-Match and If-Range by its ETag', async () => {
    const { url, bytes } = await subject()
    const etag = (await requestRaw(url)).header('etag') as string
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, `"other",W/${etag} , "third"`]) {
      const same = await requestRaw(url, { headers: [`If-None-Match: ${known}`] })
      expect(same.status, known).toBe(304)
      expect(same.header('etag')).toBe(etag)
      expect(same.header('x-narwhal')).toBe('validator')
    }
    for (const unknown of ['"other"', `W/"other", "x${etag.slice(1)}`, etag.slice(1, -1)]) {
      const whole = await requestRaw(url, { headers: [`If-None-Match: ${unknown}`] })
      expect(whole.status, unknown).toBe(200)
      expect(whole.body.equals(bytes)).toBe(true)
    }
    const part = ['Range: bytes=0-9']
    const matching = await requestRaw(url, { headers: [...part, `If-Range: ${etag}`] })
    expect(matching.status).toBe(206)
    expect(matching.body.equals(bytes.subarray(0, 10))).toBe(true)
    const other = await requestRaw(url, { headers: [...part, 'If-Range: "other"'] })
    expect(other.status).toBe(200)
    expect(other.body.equals(bytes)).toBe(true)
  })

  test('is whole, and ranges work, where the upstream never says how long it is', async () => {
    const { url, bytes, upstream, narwhal, info } = await subject()
    upstream.script(/^\/nar\//, chunked())
    const range = ['Range: bytes=-9']
    expect((await requestRaw(url, { headers: range })).body.equals(bytes.subarray(-9))).toBe(true)
    expect((await requestRaw(url)).body.equals(bytes)).toBe(true)
    expect((await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)).status).toBe(200)
  })

  test('several on one connection come in order', async () => {
    const { narwhal, info, bytes } = await subject()
    const one = `GET /${info.url} HTTP/1.1\r\nHost: x\r\n\r\n`
    const two = 'GET /nix-cache-info HTTP/1.1\r\nHost: x\r\n\r\n'
    const { responses } = await exchangeRaw(narwhal.port, one + two + one, { responses: 3 })
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(responses[0]?.body.equals(bytes)).toBe(true)
    expect(responses[1]?.body.toString()).toContain('StoreDir: /nix/store')
    expect(responses[2]?.body.equals(bytes)).toBe(true)
  })

  test('for a NAR nobody has is 404', async () => {
    const { narwhal } = await subject()
    const response = await requestRaw(`${narwhal.url}/nar/${'0'.repeat(52)}.nar.xz`)
    expect(response.status).toBe(404)
    const path = await requestRaw(`${narwhal.url}/nar/${'0'.repeat(32)}-${'0'.repeat(52)}.nar.xz`)
    expect(path.status).toBe(404)
  })
})
