import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, get, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Listeners } from '../../src/server/listeners.ts'
import { maxListeners } from '../../src/server/live.ts'
import type { LiveReport } from '../../src/server/live-report.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { parseScrape, type Scrape } from '../support/prometheus.ts'
import { requestRaw } from '../support/raw-http.ts'
import { tempDir } from '../support/temp-dir.ts'
import { eventsOf } from '../web/events-of.ts'

const nowhere = { upstreams: ['http://127.0.0.1:1'], trustedKeys: [] }

function dataOf<T>(event: string | undefined): T {
  return JSON.parse(event?.slice(event.indexOf('data: ') + 6) ?? '')
}

/** Listens until the test ends. */
async function listen(url: string): Promise<IncomingMessage> {
  const request = get(`${url}/api/v1/events`)
  atTestEnd(() => void request.destroy())
  request.on('error', () => undefined)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  return response
}

async function scrape(url: string): Promise<Scrape> {
  return parseScrape((await requestRaw(`${url}/metrics`)).body.toString())
}

const listeners = async (url: string) => (await scrape(url)).value('narwhal_event_listeners')

test('who listens gets the last hour, then a report every second', async () => {
  const { url } = await startNarwhal(nowhere)
  const [history, first, second] = await eventsOf(`${url}/api/v1/events`, 3)
  expect(dataOf(history)).toEqual({
    at: [],
    columns: { sent: [], received: [], peakSent: [], requests: [] },
  })
  const [before, after] = [dataOf<LiveReport>(first), dataOf<LiveReport>(second)]
  expect(before.status).toMatchObject({ state: 'ready', version: '0.1.0' })
  expect(after.at - before.at).toBeGreaterThan(0)
  await expect.poll(() => listeners(url)).toBe(0)
})

test('the headers keep what is in between from keeping events', async () => {
  const { url } = await startNarwhal(nowhere)
  const head = await requestRaw(`${url}/api/v1/events`, { method: 'HEAD' })
  expect(head.status).toBe(200)
  expect(head.header('content-type')).toBe('text/event-stream')
  expect(head.header('cache-control')).toBe('no-store')
  expect(head.header('x-accel-buffering')).toBe('no')
})

test('no more may listen than have room, and the next is told to come again', async () => {
  const { url } = await startNarwhal(nowhere)
  const all = await Promise.all(Array.from({ length: maxListeners }, () => listen(url)))
  for (const one of all) expect(one.statusCode).toBe(200)
  const next = await requestRaw(`${url}/api/v1/events`)
  expect(next.status).toBe(503)
  expect(next.header('retry-after')).toBe('5')
  expect(next.header('x-request-id')).toBeDefined()
  expect(await listeners(url)).toBe(maxListeners)
  expect((await scrape(url)).value('narwhal_shed_requests_total')).toBe(1)
  for (const one of all) one.destroy()
  await expect.poll(() => listeners(url)).toBe(0)
})

test('a stop does not wait for those who listen', async () => {
  const narwhal = await startNarwhal(nowhere)
  const response = await listen(narwhal.url)
  const ended = once(response.resume(), 'close')
  const started = performance.now()
  expect(await narwhal.stop()).toBe(0)
  expect(performance.now() - started).toBeLessThan(10_000)
  await ended
  // Ended, not cut off: the browser comes again at once.
  expect(response.complete).toBe(true)
})

test('a reload shows to those who listen already', async () => {
  const file = join(await tempDir('config'), 'narwhal.toml')
  const configure = (port: number) =>
    writeFile(file, `[[upstream]]\nurl = "http://127.0.0.1:${port}"\nverify = "none"\n`)
  await configure(1)
  const narwhal = await startNarwhal({ upstreams: [], trustedKeys: [], args: ['--config', file] })
  const response = await listen(narwhal.url)
  let text = ''
  response.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  await expect.poll(() => text).toContain('"name":"127.0.0.1:1"')
  await configure(2)
  narwhal.signal('SIGHUP')
  await expect.poll(() => text).toContain('"name":"127.0.0.1:2"')
})

test('a listener that takes nothing is dropped, and holds no more than one event', async () => {
  const listeners = new Listeners(2)
  const server = createServer((_request, response) => {
    response.writeHead(200)
    listeners.add(response, 'hello\n\n')
  }).listen(0, '127.0.0.1')
  atTestEnd(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const deaf = connect(port, '127.0.0.1', () => deaf.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
  deaf.pause().on('error', () => undefined)
  const keen = connect(port, '127.0.0.1', () => keen.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
  let keenBytes = 0
  keen.on('data', (chunk) => {
    keenBytes += chunk.length
  })
  atTestEnd(() => void [deaf, keen].map((socket) => socket.destroy()))
  await expect.poll(() => listeners.count).toBe(2)
  // More than all the kernel's buffers take.
  const event = `${'x'.repeat(16_000_000)}\n\n`
  let sent = 0
  await expect
    .poll(
      () => {
        // who is keen but slow has had the last one first
        if (keenBytes >= sent * event.length) {
          listeners.send(event)
          sent += 1
        }
        return listeners.count
      },
      { interval: 100 },
    )
    .toBe(1)
  expect(sent).toBeLessThan(12)
  await expect.poll(() => keenBytes).toBeGreaterThan(event.length)
})
