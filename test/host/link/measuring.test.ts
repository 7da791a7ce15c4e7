import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import { isListening, measureHandshakes } from '../../../src/host/link/connect-times.ts'
import { parseIperf3 } from '../../../src/host/link/iperf3.ts'
import { measureTransfer } from '../../../src/host/link/measure-transfer.ts'
import { parsePing } from '../../../src/host/link/ping.ts'
import { formatTally, parseOrder, parseTally } from '../../../src/host/link/transfer.ts'
import { startTransferServer } from '../../../src/host/link/transfer-server.ts'
import { atTestEnd } from '../../support/at-test-end.ts'
import { startTcpRelay } from '../../support/tcp-relay.ts'
import { startUnansweredPort } from '../../support/unanswered-port.ts'

const here = '127.0.0.1'
const never = new AbortController().signal

async function startServer(
  onTransfer: Parameters<typeof startTransferServer>[1] = () => undefined,
) {
  const server = await startTransferServer({ address: here, port: 0 }, onTransfer)
  atTestEnd(async () => await server[Symbol.asyncDispose]())
  return server
}

async function listenWith(onLine: (server: Server) => void): Promise<number> {
  const server = createServer()
  onLine(server)
  server.listen(0, here)
  await once(server, 'listening')
  atTestEnd(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe('ping', () => {
  test('reads what iputils prints, lost ones left out of the times', () => {
    const text = `PING 10.255.255.1 (10.255.255.1) 56(84) bytes of data.
64 bytes from 10.255.255.1: icmp_seq=1 ttl=64 time=0.201 ms
64 bytes from 10.255.255.1: icmp_seq=3 ttl=64 time=0.184 ms

--- 10.255.255.1 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 22ms
rtt min/avg/max/mdev = 0.184/0.192/0.201/0.008 ms
`
    expect(parsePing(text)).toEqual({
      timesMs: [0.201, 0.184],
      loss: { method: 'ping', sent: 3, received: 2 },
    })
  })

  test('reads what BusyBox prints', () => {
    const text = `64 bytes from 10.0.0.1: seq=0 ttl=64 time=0.081 ms
3 packets transmitted, 1 packets received, 66% packet loss`
    expect(parsePing(text)).toEqual({
      timesMs: [0.081],
      loss: { method: 'ping', sent: 3, received: 1 },
    })
  })

  test.each([
    '',
    'ping: cannot flood; minimal interval allowed for user is 200ms',
    '0 packets transmitted, 0 received',
  ])('"%s" is no reading', (text) => {
    expect(parsePing(text)).toBeUndefined()
  })
})

describe('iperf3', () => {
  test('reads its JSON: what arrived, what was sent twice, the shares of a core', () => {
    const text = JSON.stringify({
      end: {
        sum_sent: { bytes: 1448_000, retransmits: 5, bits_per_second: 950e6 },
        sum_received: { bytes: 1448_000, bits_per_second: 941.2e6 },
        cpu_utilization_percent: { host_total: 12.5, remote_total: 93 },
      },
    })
    expect(parseIperf3(text)).toEqual({
      direction: { mbits: 941.2, ownCpuShare: 0.125, peerCpuShare: 0.93 },
      resent: { segments: 1000, resent: 5 },
    })
  })

  test('an error, or what is no JSON, is no reading', () => {
    expect(parseIperf3('{"error": "the server is busy running a test"}')).toBeUndefined()
    expect(parseIperf3('iperf3: error')).toBeUndefined()
    const bare = '{"end": {"sum_received": {"bits_per_second": 1e9}}}'
    expect(parseIperf3(bare)).toMatchObject({ resent: undefined })
  })
})

describe('handshakes', () => {
  test('an open port and a closed one both tell the round trip', async () => {
    const port = await listenWith((server) => server.on('connection', (socket) => socket.destroy()))
    for (const to of [port, 1]) {
      const reading = await measureHandshakes({ address: here, port: to }, never)
      expect(reading?.loss).toEqual({ method: 'tcp', sent: 150, received: 150 })
      expect(reading?.timesMs.every((time) => time > 0 && time < 900)).toBe(true)
    }
    expect(await isListening({ address: here, port })).toBe(true)
    expect(await isListening({ address: here, port: 1 })).toBe(false)
  })

  test('nobody who answers is no reading', { timeout: 180_000 }, async () => {
    const { url } = await startUnansweredPort()
    const port = Number(new URL(url).port)
    expect(await measureHandshakes({ address: here, port }, never)).toBeUndefined()
  })
})

describe('transfers', () => {
  test('both directions count what the receiver has', async () => {
    const seen: boolean[] = []
    const server = await startServer((_, { bytes }, isSending) => {
      expect(bytes).toBeGreaterThan(0)
      seen.push(isSending)
    })
    const to = { address: here, port: server.port }
    for (const direction of ['send', 'receive'] as const) {
      const reading = await measureTransfer(to, { direction, seconds: 0.3 }, never)
      expect(reading.mbits).toBeGreaterThan(100)
      expect(reading.ownCpuShare).toBeGreaterThan(0)
      expect(reading.peerCpuShare).toBeGreaterThan(0)
    }
    expect(seen).toEqual([false, true])
    expect(server.transfers).toBe(2)
  })

  test('a slow line is measured as slow', async () => {
    const server = await startServer()
    // 4 MiB are on their way at once, each for 0.2 s: no more than 168 Mbit/s
    const relay = await startTcpRelay({ to: server.port, delayMs: 200 })
    const to = { address: here, port: relay.port }
    const { mbits } = await measureTransfer(to, { direction: 'receive', seconds: 1 }, never)
    expect(mbits).toBeGreaterThan(10)
    expect(mbits).toBeLessThan(400)
  })

  test('one at a time; who comes meanwhile is told so, and the first goes on', async () => {
    const server = await startServer()
    const first = connect(server.port, here)
    // long enough for the second to come meanwhile, however busy the machine is
    first.write('narwhal-link/1 receive 4\n')
    await once(first, 'data')
    const second = connect(server.port, here)
    second.write('narwhal-link/1 send 1\n')
    const [answer] = (await once(second, 'data')) as [Buffer]
    expect(answer.toString()).toBe('busy\n')
    await once(first, 'end')
    const to = { address: here, port: server.port }
    const third = await measureTransfer(to, { direction: 'receive', seconds: 0.2 }, never)
    expect(third.mbits).toBeGreaterThan(10)
  })

  test.each([
    ['anything else', 'GET / HTTP/1.1\r\n\r\n'],
    ['a transfer of hours', 'narwhal-link/1 receive 9999\n'],
  ])('%s is asked what it means', async (_, line) => {
    const server = await startServer()
    const socket = connect(server.port, here)
    socket.write(line)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toBe('what?\n')
  })

  test.each([
    ['hangs up', (server: Server) => server.on('connection', (socket) => socket.destroy())],
    [
      'speaks of something else',
      (server: Server) => server.on('connection', (socket) => socket.end('220 ready\n')),
    ],
    [
      'sends bytes without a tally',
      (server: Server) => server.on('connection', (socket) => socket.end(Buffer.alloc(1000))),
    ],
  ])('who %s is no other end', async (_, onServer) => {
    const port = await listenWith(onServer)
    for (const direction of ['send', 'receive'] as const)
      await expect(
        measureTransfer({ address: here, port }, { direction, seconds: 0.2 }, never),
      ).rejects.toMatchObject({ code: 'LINK_SILENT' })
  })

  test('an interrupt ends it at once', async () => {
    const server = await startServer()
    const relay = await startTcpRelay({ to: server.port })
    const to = { address: here, port: relay.port }
    for (const direction of ['send', 'receive'] as const) {
      const interrupt = new AbortController()
      const transfer = measureTransfer(to, { direction, seconds: 30 }, interrupt.signal)
      await expect.poll(() => relay.connections).toBe(1)
      interrupt.abort()
      await expect(transfer).rejects.toThrow('abort')
      await expect.poll(() => relay.connections).toBe(0)
    }
  })

  test('orders and tallies are read back, and nothing else', () => {
    const tally = { bytes: 5, seconds: 0.5, cpuShare: 0.1 }
    expect(parseTally(formatTally(tally))).toEqual(tally)
    for (const text of ['', '{}', '{"bytes":"5","seconds":1,"cpuShare":0}', 'busy\n'])
      expect(parseTally(text)).toBeUndefined()
    expect(parseOrder('narwhal-link/1 send 3\n')).toEqual({ direction: 'send', seconds: 3 })
    for (const text of ['', 'narwhal-link/2 send 3\n', 'narwhal-link/1 send\n'])
      expect(parseOrder(text)).toBeUndefined()
  })
})
