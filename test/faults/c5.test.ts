import { connect } from 'node:net'
import { expect } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { MiB } from '../../src/units.ts'
import { faultTest } from '../support/fault-stage.ts'
import { exchangeRaw } from '../support/raw-http.ts'

const requests = 1000
const mayGrowBytes = 100 * MiB

faultTest(
  `C5: ${requests} requests pipelined on one connection are answered in order`,
  { paths: 3, totalBytes: 60_000, timeout: 180_000 },
  async (stage) => {
    const { narwhal, cache } = stage
    const asked = Array.from({ length: requests }, (_, at) => {
      const info = cache.infos[at % cache.infos.length] as NarInfo
      return at % 2 === 0 ? `/${info.storePath.hash}.narinfo` : `/${info.url}`
    })
    const wire = asked.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    wire[requests - 1] =
      wire[requests - 1]?.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') ?? ''
    const { responses } = await exchangeRaw(narwhal.port, wire.join(''), { timeoutMs: 60_000 })
    expect(responses).toHaveLength(requests)
    const truth = new Map(
      await Promise.all(
        [...new Set(asked)].map(async (path) => [path, (await stage.get(path)).body] as const),
      ),
    )
    const wrong = responses.flatMap(({ status, body }, at) =>
      status === 200 && body.equals(truth.get(asked[at] ?? '') as Buffer) ? [] : [at],
    )
    expect(wrong).toEqual([])
  },
)

faultTest(
  'C5: a client that pipelines and never reads is no burden',
  { totalBytes: 4_000_000, timeout: 180_000 },
  async (stage) => {
    const { narwhal, info } = stage
    await stage.nar()
    const before = await narwhal.rssBytes()
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(narwhal.port, '127.0.0.1').pause()
      socket.on('error', () => undefined)
      socket.write(`GET /${info.url} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(500))
      return socket
    })
    // others are served meanwhile
    for (let at = 0; at < 20; at += 1) expect((await stage.nar()).status).toBe(200)
    expect((await narwhal.rssBytes()) - before).toBeLessThan(mayGrowBytes)
    for (const socket of sockets) socket.destroy()
  },
)
