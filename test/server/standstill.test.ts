import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cutAtStandstill } from '../../src/server/standstill.ts'
import { MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'

const times = { standstillMs: 600, lookEveryMs: 150 }

async function serve(answer: RequestListener): Promise<Server> {
  const server = createServer({ keepAliveTimeout: times.lookEveryMs }, answer)
  cutAtStandstill(server, times)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atTestEnd(() => void server.close().closeAllConnections())
  return server
}

function ask(server: Server, request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'): Socket {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  socket.on('error', () => undefined)
  socket.write(request)
  atTestEnd(() => void socket.destroy())
  return socket
}

const connections = (server: Server) =>
  new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))

test('a client that takes nothing of an answer is cut off, large or one of many', async () => {
  const large = await serve((_, response) => response.end(Buffer.alloc(32 * MiB)))
  const many = await serve((_, response) => response.end(Buffer.alloc(MiB)))
  const startedAt = performance.now()
  const arrived = [large, many].map((server) => once(server, 'connection'))
  ask(large)
  ask(many, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100))
  await Promise.all(arrived)
  for (const server of [large, many]) {
    await expect.poll(() => connections(server), { timeout: 10_000 }).toBe(0)
  }
  expect(performance.now() - startedAt).toBeGreaterThan(times.standstillMs)
})

test('one that takes a little now and then is not', async () => {
  const server = await serve((_, response) => response.end(Buffer.alloc(256 * MiB)))
  const socket = ask(server)
  const startedAt = performance.now()
  while (performance.now() - startedAt < 4 * times.standstillMs) {
    // The kernel lets a server write again only where there is room for some more.
    const until = socket.bytesRead + 8 * MiB
    socket.resume()
    while (socket.bytesRead < until && !socket.closed) await once(socket, 'data')
    socket.pause()
    await wait(times.standstillMs / 4)
  }
  expect(await connections(server)).toBe(1)
})

test('nor is one that waits for its answer, and what is kept alive ends when it has been silent', async () => {
  const server = await serve(async (_, response) => {
    await wait(3 * times.standstillMs)
    response.end('at last')
  })
  expect(await text(ask(server))).toContain('at last')
})
