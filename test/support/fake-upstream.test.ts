import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FakeUpstream, type Fault, startFakeUpstream } from './fake-upstream.ts'
import * as faults from './faults.ts'
import { exchangeRaw, requestRaw } from './raw-http.ts'
import { tempDir } from './temp-dir.ts'

const content = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251))

test('serves a file whole, and says so', async () => {
  const upstream = await upstreamWithFile()
  const response = await requestRaw(`${upstream.url}/file`)
  expect(response).toMatchObject({ status: 200, end: 'clean' })
  expect(response.header('content-length')).toBe('200000')
  expect(response.body.equals(content)).toBe(true)
})

test('answers HEAD with the headers of GET and no body', async () => {
  const upstream = await upstreamWithFile()
  const response = await requestRaw(`${upstream.url}/file`, { method: 'HEAD' })
  expect(response.header('content-length')).toBe('200000')
  expect(response.body.length).toBe(0)
})

test('resumes by Range, and gives the whole file when If-Range no longer holds', async () => {
  const upstream = await upstreamWithFile()
  const url = `${upstream.url}/file`
  const part = await requestRaw(url, { headers: ['Range: bytes=199990-'] })
  expect(part.status).toBe(206)
  expect(part.header('content-range')).toBe('bytes 199990-199999/200000')
  expect(part.body.equals(content.subarray(199_990))).toBe(true)
  const stale = await requestRaw(url, { headers: ['Range: bytes=9-', 'If-Range: "old"'] })
  expect(stale).toMatchObject({ status: 200, end: 'clean' })
  expect(await requestRaw(url, { headers: ['Range: bytes=200000-'] })).toMatchObject({
    status: 416,
  })
})

test('never leaves its root', async () => {
  const upstream = await upstreamWithFile()
  for (const path of ['/../../etc/passwd', '/%2e%2e/%2e%2e/%2e%2e/etc/passwd', '/%00', '/%zz']) {
    expect(await requestRaw(upstream.url + path)).toMatchObject({ status: 404 })
  }
})

test('answers pipelined requests in order over one connection', async () => {
  const upstream = await upstreamWithFile()
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const { responses } = await exchangeRaw(
    upstream.port,
    request('/file') + request('/none') + request('/file'),
    { responses: 3 },
  )
  expect(responses.map(({ status }) => status)).toEqual([200, 404, 200])
})

test('counts what it is asked, by path, by pattern and in all', async () => {
  const upstream = await upstreamWithFile()
  await requestRaw(`${upstream.url}/file?a=1`)
  await requestRaw(`${upstream.url}/none`)
  expect(upstream.count()).toBe(2)
  expect(upstream.count('/file')).toBe(1)
  expect(upstream.count(/a=1/)).toBe(1)
  upstream.forget()
  expect(upstream.count()).toBe(0)
})

test('misbehaves as often as the script says, then is honest again', async () => {
  const upstream = await upstreamWithFile()
  const script = upstream.script('/file', faults.status(503), { times: 2 })
  const statuses = []
  for (let n = 0; n < 3; n += 1) statuses.push((await requestRaw(`${upstream.url}/file`)).status)
  expect(statuses).toEqual([503, 503, 200])
  expect(script.hits).toBe(2)
})

test('tells a cut from an end: by FIN, by reset, in chunks, and not at all', async () => {
  const upstream = await upstreamWithFile()
  const answerWith = async (...spoilt: Fault[]) => {
    const script = upstream.script('/file', spoilt)
    const response = await requestRaw(`${upstream.url}/file`)
    script.stop()
    return { end: response.end, bytes: response.body.length }
  }
  expect(await answerWith(faults.cutAfter(1000))).toEqual({ end: 'cut', bytes: 1000 })
  expect(await answerWith(faults.cutAfter(1000, 'reset'))).toMatchObject({ end: 'cut' })
  expect(await answerWith(faults.chunked())).toEqual({ end: 'clean', bytes: 200_000 })
  expect(await answerWith(faults.chunked({ last: false }))).toEqual({ end: 'cut', bytes: 200_000 })
  const untold = [faults.closeDelimited(), faults.cutAfter(1000)]
  expect(await answerWith(...untold)).toEqual({ end: 'clean', bytes: 1000 })
})

test('flips one bit at the same place of the file, resumed or not', async () => {
  const upstream = await upstreamWithFile()
  upstream.script('/file', faults.flipBit(150_000))
  const whole = await requestRaw(`${upstream.url}/file`)
  const rest = await requestRaw(`${upstream.url}/file`, { headers: ['Range: bytes=149999-'] })
  const expected = Buffer.from(content)
  expected[150_000] = (expected[150_000] ?? 0) ^ 1
  expect(whole.body.equals(expected)).toBe(true)
  expect(rest.body.equals(expected.subarray(149_999))).toBe(true)
})

test('sends headers as scripted: missing, doubled, or none of HTTP at all', async () => {
  const upstream = await upstreamWithFile()
  const url = `${upstream.url}/file`
  upstream.script('/file', faults.raw('SSH-2.0-nonsense\r\n'), { times: 1 })
  upstream.script('/file', faults.header('Content-Length', '5', '6'), { times: 1 })
  upstream.script('/file', faults.header('Content-Length', '200001'), { times: 1 })
  expect(await requestRaw(url)).toMatchObject({ status: 200, end: 'cut' })
  const doubled = await requestRaw(url)
  expect(doubled.headers.filter(([name]) => name === 'content-length')).toHaveLength(2)
  expect(await requestRaw(url)).toMatchObject({ status: 0, end: 'cut' })
})

test('a silent or stalling upstream lets go of clients that give up', async () => {
  const upstream = await upstreamWithFile()
  upstream.script('/file', faults.silence(), { times: 1 })
  upstream.script('/file', faults.stallAfter(10), { times: 1 })
  const request = 'GET /file HTTP/1.1\r\nHost: x\r\n\r\n'
  // long enough for what does come, also on a busy machine
  const stalled = await exchangeRaw(upstream.port, request, { timeoutMs: 2000 })
  expect(stalled).toMatchObject({ closedBy: 'timeout', responses: [{ end: 'cut' }] })
  expect(stalled.responses[0]?.body.length).toBe(10)
  const silent = await exchangeRaw(upstream.port, request, { timeoutMs: 100 })
  expect(silent).toEqual({ closedBy: 'timeout', responses: [] })
  await expect.poll(() => upstream.connections).toBe(0)
})

test('refuses connections while down, and comes back on the same port', async () => {
  const upstream = await upstreamWithFile()
  await upstream.down()
  await expect(requestRaw(`${upstream.url}/file`)).rejects.toThrow(/ECONNREFUSED/)
  await upstream.up()
  expect(await requestRaw(`${upstream.url}/file`)).toMatchObject({ status: 200 })
})

async function upstreamWithFile(): Promise<FakeUpstream> {
  const root = await tempDir('upstream')
  await writeFile(join(root, 'file'), content)
  return startFakeUpstream(root)
}
