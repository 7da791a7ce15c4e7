import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { checkLine } from '../../../bench/closure/check-line.ts'
import { download } from '../../../bench/closure/download.ts'
import { type Line, type LineSetting, openLine } from '../../../bench/closure/line.ts'
import { atTestEnd } from '../../support/at-test-end.ts'

const body = Buffer.alloc(400_000, 'x')

/** A line before a server with a small /nix-cache-info; whatever else is asked for is the body. */
async function lineToServer(setting: Omit<LineSetting, 'port'>): Promise<Line> {
  const answer = (path?: string) => (path === '/nix-cache-info' ? 'small' : body)
  const server = createServer((request, response) => response.end(answer(request.url)))
  server.listen(0, '127.0.0.1')
  atTestEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const line = await openLine({ ...setting, port: (server.address() as AddressInfo).port })
  atTestEnd(async () => await line[Symbol.asyncDispose]())
  return line
}

function oneConnection(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  atTestEnd(() => agent.destroy())
  return agent
}

/** The quickest of some answers, for a busy machine makes any one of them late. */
async function quickestMs(url: string, agentOf: () => Agent): Promise<number> {
  const times: number[] = []
  for (let time = 0; time < 6; time++)
    times.push((await download(`${url}/nix-cache-info`, { agent: agentOf() })).firstByteMs)
  return Math.min(...times)
}

test('an answer takes a round trip', async () => {
  const line = await lineToServer({ rttMs: 100, bytesPerSecond: 1e9 })
  const agent = oneConnection()
  expect(await quickestMs(line.url, () => agent)).toBeGreaterThan(98)
})

test('the first answer on a connection takes two', async () => {
  const line = await lineToServer({ rttMs: 100, bytesPerSecond: 1e9 })
  expect(await quickestMs(line.url, oneConnection)).toBeGreaterThan(198)
})

test('where connections are dear, the first takes three, and what is long some more', async () => {
  const line = await lineToServer({ rttMs: 100, bytesPerSecond: 1e9, isDear: true })
  expect(await quickestMs(line.url, oneConnection)).toBeGreaterThan(298)
  const agent = oneConnection()
  const first = await download(line.url, { agent })
  expect(first.bytes).toBe(body.length)
  // 14, 28, 57, 113 and 226 KiB: the fifth window has the last of 391.
  expect(first.wallMs).toBeGreaterThan(698)
  const second = await download(line.url, { agent })
  expect(second.wallMs).toBeLessThan(first.wallMs - 400)
})

test('all connections share the bandwidth, and no byte is lost', async () => {
  const line = await lineToServer({ rttMs: 10, bytesPerSecond: 2e6 })
  const agent = new Agent()
  const startMs = performance.now()
  const all = await Promise.all([1, 2, 3, 4].map(() => download(line.url, { agent })))
  expect(all.map(({ bytes }) => bytes)).toEqual(all.map(() => body.length))
  expect(performance.now() - startMs).toBeGreaterThan((4 * body.length) / 2e3)
})

test('it counts connections and the bytes of both ways', async () => {
  const line = await lineToServer({ rttMs: 0, bytesPerSecond: 1e9 })
  const agent = oneConnection()
  for (const _ of [1, 2]) await download(line.url, { agent })
  const counts = await line.counts()
  expect(counts.connections).toBe(1)
  expect(counts.sentBytes).toBeGreaterThan(50)
  expect(counts.receivedBytes).toBeGreaterThan(2 * body.length)
  expect(counts.receivedBytes).toBeLessThan(2 * body.length + 2000)
})

test('a line that carries less than it is set to is refused', async () => {
  const line = await lineToServer({ rttMs: 0, bytesPerSecond: 1e6 })
  const check = checkLine({ ...line, largeUrl: line.url, rttMs: 0, bytesPerSecond: 2e6 })
  await expect(check).rejects.toThrow(/carries \d+ Mbit\/s of the 16 it is set to/)
})

test('a line that is longer than it is set to is refused', async () => {
  const line = await lineToServer({ rttMs: 60, bytesPerSecond: 1e9 })
  const check = checkLine({ ...line, largeUrl: line.url, rttMs: 20, bytesPerSecond: 1e5 })
  await expect(check).rejects.toThrow(/a round trip takes .* ms instead of 20/)
})
