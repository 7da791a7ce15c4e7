import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { LatencyHistogram } from '../../src/cli/bench/latency-histogram.ts'
import { runLoad } from '../../src/cli/bench/load.ts'
import { ResponseReader } from '../../src/cli/bench/response-reader.ts'
import { requestFor, siteOf } from '../../src/cli/bench/site.ts'
import { judge, type VerdictInput } from '../../src/cli/bench/verdict.ts'
import { chooseForWalk, chooseLargest, shareOf } from '../../src/cli/bench/workload.ts'
import { isPrivateAddress } from '../../src/host/network-link.ts'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { atTestEnd } from '../support/at-test-end.ts'

/** Reads an answer in pieces of `size` bytes. */
function read(text: string, size: number) {
  const reader = new ResponseReader()
  let body = ''
  reader.onBody = (bytes, start, end) => {
    body += Buffer.from(bytes.subarray(start, end)).toString('latin1')
  }
  const all = Buffer.from(text, 'latin1')
  let isWhole = false
  for (let at = 0; at < all.length; at += size) {
    // the buffer is used again by sockets, so nothing may be kept of it
    const piece = Buffer.from(all.subarray(at, at + size))
    isWhole = reader.push(piece, piece.length)
    piece.fill(0)
  }
  return { isWhole, isWholeAtEnd: reader.end(), body, head: reader.head }
}

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

test.each([1, 2, 7, 1000])('answers are read whole in pieces of %i bytes', (size) => {
  const sized = read('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello', size)
  expect(sized).toMatchObject({ isWhole: true, body: 'hello' })
  expect(sized.head).toEqual({ status: 200, location: undefined, keepsAlive: true })
  const pieces = `${chunked}5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n`
  expect(read(pieces, size)).toMatchObject({ isWhole: true, body: 'hello0123456789' })
  expect(read('HTTP/1.1 204 No\r\n\r\n', size)).toMatchObject({ isWhole: true, body: '' })
  const empty = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'
  expect(read(empty, size)).toMatchObject({ isWhole: true, head: { status: 404 } })
  const open = read('HTTP/1.0 200 OK\r\nConnection: Close\r\n\r\nto the end', size)
  expect(open).toMatchObject({ isWhole: false, isWholeAtEnd: true, body: 'to the end' })
  expect(open.head?.keepsAlive).toBe(false)
  const moved = read('HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n', size)
  expect(moved.head?.location).toBe('/x')
})

test('what is cut short is not whole, and what is too much or no HTTP is a fault', () => {
  expect(read('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell', 9)).toMatchObject({
    ...{ isWhole: false, isWholeAtEnd: false },
  })
  expect(read(`${chunked}5\r\nhello\r\n`, 9).isWholeAtEnd).toBe(false)
  expect(() => read('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab', 99)).toThrow('more came')
  expect(() => read('SSH-2.0-x\r\n\r\n', 99)).toThrow('no answer of HTTP')
  expect(() => read(`${chunked}zz\r\n`, 99)).toThrow('size of a chunk')
  expect(() => read('x'.repeat(70_000), 1000)).toThrow('no end of the headers')
})

test('quantiles are right to half a per cent, in any range', () => {
  const histogram = new LatencyHistogram()
  expect(histogram.quantile(0.5)).toBe(undefined)
  for (let ms = 1; ms <= 1000; ms++) histogram.add(ms / 10)
  for (const [share, ms] of [
    [0.5, 50],
    [0.9, 90],
    [0.99, 99],
  ] as const)
    expect(Math.abs((histogram.quantile(share) ?? 0) / ms - 1)).toBeLessThan(0.006)
  histogram.add(0)
  histogram.add(1e12)
  expect(histogram.quantile(1)).toBeGreaterThan(900_000)
})

test('a server that ends connections is asked over new ones, and nothing is lost by it', async () => {
  const answers = 7
  const port = await listen((socket) => {
    let count = 0
    socket.on('data', () => {
      count += 1
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      // without a word, as many servers do after some number of requests
      if (count === answers) socket.end()
    })
  })
  const site = siteOf(new URL(`http://127.0.0.1:${port}`), 'test')
  const load = { site, paths: ['/'], connections: 3, seconds: 0.3 }
  const result = await runLoad(load)
  expect(result).toMatchObject({ errors: 0, firstError: undefined })
  expect(result.responses).toBeGreaterThan(3 * answers)
  expect(result.bytes).toBe(2 * result.responses)
})

test('a server that only fails is left alone soon', async () => {
  let asked = 0
  const port = await listen((socket) => {
    socket.on('data', () => {
      asked += 1
      socket.write('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n')
    })
  })
  const site = siteOf(new URL(`http://127.0.0.1:${port}`), 'test')
  const result = await runLoad({ site, paths: ['/'], connections: 2, seconds: 20 })
  expect(result).toMatchObject({ responses: 0, errors: 6, firstError: 'status 500' })
  expect(asked).toBe(6)
  expect(result.latencyMs).toBe(undefined)
  expect(result.seconds).toBeLessThan(10)
})

test('what comes in the lead is told apart; connections begin apart in it, and all before its end', async () => {
  const begun: number[] = []
  const port = await listen((socket) => {
    begun.push(performance.now())
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  const site = siteOf(new URL(`http://127.0.0.1:${port}`), 'test')
  const load = { site, paths: ['/'], connections: 4, seconds: 0.2, leadSeconds: 0.8 }
  const { lead, responses, bytes, seconds, errors } = await runLoad(load)
  expect(errors).toBe(0)
  expect(begun.length).toBe(4)
  // One after another, each a quarter of the lead after the one before; late ones at its end.
  expect((begun.at(-1) as number) - (begun[0] as number)).toBeGreaterThan(300)
  expect(lead.seconds).toBeGreaterThan(0.7)
  expect(seconds).toBeGreaterThan(0.15)
  for (const amount of [lead, { responses, bytes }]) {
    expect(amount.responses).toBeGreaterThan(0)
    expect(Math.abs(amount.bytes - 2 * amount.responses)).toBeLessThanOrEqual(2 * 4)
  }
})

test('the lead takes a quarter of the bytes at most, and then all connections are there', async () => {
  const piece = Buffer.alloc(10_000)
  let begun = 0
  const port = await listen((socket) => {
    begun += 1
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${piece.length}\r\n\r\n`)
      socket.write(piece)
    })
  })
  const site = siteOf(new URL(`http://127.0.0.1:${port}`), 'test')
  const limits = { seconds: 30, leadSeconds: 30, maxBytes: 1_000_000 }
  const { lead, bytes } = await runLoad({ site, paths: ['/'], connections: 8, ...limits })
  expect(begun).toBe(8)
  expect(lead.bytes).toBeGreaterThanOrEqual(250_000)
  expect(lead.bytes).toBeLessThan(400_000)
  expect(lead.bytes + bytes).toBeGreaterThanOrEqual(1_000_000)
  expect(lead.bytes + bytes).toBeLessThan(1_200_000)
})

test('a login goes along, and only as a header', () => {
  const site = siteOf(new URL('https://me:s%C3%A9cret@cache.example/a/'), 'test/1')
  expect(site).toMatchObject({ host: 'cache.example', port: 443, isTls: true, basePath: '/a' })
  const request = requestFor(site, '/a/nix-cache-info').toString()
  const login = Buffer.from('me:sécret').toString('base64')
  expect(request).toBe(
    'GET /a/nix-cache-info HTTP/1.1\r\nHost: cache.example\r\nUser-Agent: test/1\r\nAccept: */*\r\n' +
      `Authorization: Basic ${login}\r\n\r\n`,
  )
  expect(siteOf(new URL('http://[::1]:8080'), 'x')).toMatchObject({ host: '::1', port: 8080 })
})

test('NARs are chosen so that everything keeps to the limit', () => {
  expect(shareOf({ seconds: 1, rounds: 3, maxBytes: 3000 })).toBe(100)
  const sizes = new Map([
    ['a', 60],
    ['b', 500],
    ['c', 50],
    ['d', 30],
    ['e', 3],
  ]) as unknown as Map<StoreHash, number>
  expect(chooseLargest(sizes, 100)).toEqual(['a', 'd'])
  expect(chooseLargest(sizes, 10_000)).toEqual(['b', 'a', 'c'])
  expect([...chooseForWalk(sizes, 100)]).toEqual(['a', 'd', 'e'])
  expect(chooseLargest(sizes, 1)).toEqual(['e'])
  expect(chooseLargest(new Map(), 1)).toEqual([])
})

const cable = { isLoopback: false, address: '10.0.0.2', connectMs: 0.2 }
function verdict(changes: Partial<VerdictInput>): string[] {
  const input: VerdictInput = {
    figures: { hitMedianMs: 0.4, hitP99Ms: 1.5, nar1MBs: 100, nar16MBs: 116.75 },
    link: { ...cable, interface: 'eth0', speedMbits: 1000 },
    ...{ loopbackMbits: undefined, answers: 10, errors: 0, errorTexts: [] },
    ...changes,
  }
  return judge(input).map(({ holds, sentence }) => `${holds} ${sentence}`)
}

test('the verdict holds the figures against the criteria and the wire, with its arithmetic', () => {
  expect(verdict({})).toEqual([
    'true Latency is good: a narinfo takes 0.40 ms, 99 of 100 at most 1.50 ms; a good cache needs less than 100 ms.',
    'true Throughput is good: 934 Mbit/s with 16 readers; a good cache needs more than 800. 934 of the 1000 Mbit/s eth0 has, of which HTTP can carry 942: the wire is the limit.',
    'true No errors in 10 answers.',
  ])
  const link = (speedMbits: number | undefined, connectMs = 0.2) => ({
    link: { ...cable, connectMs, interface: 'eth0', speedMbits },
  })
  const slow = { hitMedianMs: 140, hitP99Ms: 190, nar4MBs: 11.5 }
  expect(verdict({ ...link(100, 130), figures: slow })).toEqual([
    expect.stringMatching(
      /^false Latency falls short: .* 130\.0 ms of it are the way there and back, 10\.0 ms the server: the distance/,
    ),
    expect.stringMatching(/^false Throughput .* HTTP can carry 94: this link cannot reach 800\.$/),
    expect.anything(),
  ])
  expect(verdict(link(10_000))[1]).toMatch(/the wire is not the limit\.$/)
  expect(verdict(link(undefined))[1]).toMatch(/does not tell its speed/)
  const here = { link: { ...cable, interface: 'lo', isLoopback: true, speedMbits: undefined } }
  expect(verdict({ ...here, loopbackMbits: 1000 })[1]).toMatch(/the machine is the limit/)
  expect(verdict({ ...here, loopbackMbits: 9000 })[1]).toMatch(/934 of the 9000 Mbit\/s .* no wire/)
  expect(verdict({ figures: {} })).toEqual([
    ...['undefined Latency: no narinfo came whole.', 'undefined Throughput: no NAR could be read.'],
    'true No errors in 10 answers.',
  ])
  const wrong = { errors: 2, errorTexts: ['status 500'] }
  expect(verdict(wrong)[2]).toBe('false 2 of 12 requests failed: status 500.')
})

test('only addresses that are nobody else’s count as private', () => {
  for (const address of ['127.0.0.1', '10.1.2.3', '192.168.0.1', '172.16.0.1', '172.31.255.1'])
    expect(isPrivateAddress(address)).toBe(true)
  for (const address of ['::1', 'fd12::1', 'fe80::1', '::ffff:10.0.0.1', '169.254.1.1'])
    expect(isPrivateAddress(address)).toBe(true)
  for (const address of ['1.1.1.1', '172.32.0.1', '192.169.0.1', '2a04:4e42::1', '100.1.1.1'])
    expect(isPrivateAddress(address)).toBe(false)
})

async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atTestEnd(() => void server.close())
  return (server.address() as AddressInfo).port
}
