import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { testWith } from '../support/programs.ts'
import { exchangeRaw, requestRaw } from '../support/raw-http.ts'
import { tracing } from '../support/strace.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

const project = join(import.meta.dirname, '../..')
const hash = 'a'.repeat(32)
const digest = '0'.repeat(52)

const climbs = [
  '/../secret',
  '/nar/../../secret',
  '/nar/../../../../../../etc/passwd',
  '/nar/%2e%2e/%2e%2e/secret',
  '/nar/%252e%252e/secret',
  '/nar/..%2f..%2fsecret',
  '/nar/..%5c..%5csecret',
  '/nar/..\\..\\secret',
  `/nar/${digest}.nar%00.xz`,
  `/nar/${digest}.nar/../../../secret`,
  `/${hash}.narinfo/../../secret`,
  '//secret',
  '/nar//secret',
  '/./secret',
  '/nar/.',
  '/nar/..',
  '/tmp/x.part',
  '/index.sqlite',
  '/lock',
  'secret',
  '*',
  'http://other.example.org/nix-cache-info',
  'file:///etc/passwd',
  '/%c0%ae%c0%ae/secret',
  '/nar/\u00e9',
]

/** A data directory with room for a secret beside it. */
async function nestedDir(): Promise<string> {
  const dataDir = join(await tempDir('nest'), 'data')
  await mkdir(dataDir)
  return dataDir
}

async function start(wrapper: readonly string[] = []) {
  const cache = await syntheticCache({ paths: 2, totalBytes: 200_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    dataDir: await nestedDir(),
    wrapper,
    // Its thread would begin some time later, and read its program then.
    env: { NARWHAL_RECOMPRESS_ENABLED: 'false' },
  })
  return { cache, upstream, narwhal, info: cache.infos[1] as NarInfo }
}

describe('S1: a path that climbs', () => {
  test.each(climbs)('%s is refused and asks no upstream', async (target) => {
    const { narwhal, upstream } = await start()
    const request = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const { responses } = await exchangeRaw(narwhal.port, Buffer.from(request, 'utf8'))
    expect(responses).toHaveLength(1)
    expect([400, 404]).toContain(responses[0]?.status)
    expect(upstream.count()).toBe(0)
  })

  testWith(['strace'])('opens no file outside the data directory', async () => {
    const trace = join(await tempDir('trace'), 'opens')
    const { narwhal, info } = await start(tracing('open,openat,openat2,stat,newfstatat', trace))
    await writeFile(join(narwhal.dataDir, '..', 'secret'), 'secret')
    await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
    await requestRaw(`${narwhal.url}/${info.url}`)
    // A thread that has just begun is still reading its program.
    let programFiles = 0
    const hasBegun = async () => {
      const seen = programFiles
      programFiles = (await readFile(trace, 'utf8')).split(`"${project}`).length
      return programFiles === seen
    }
    await expect.poll(hasBegun, { interval: 500 }).toBe(true)
    const before = (await readFile(trace, 'utf8')).length
    for (const target of climbs) {
      const request = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
      await exchangeRaw(narwhal.port, Buffer.from(request, 'utf8'))
    }
    await requestRaw(`${narwhal.url}/${info.url}`)
    await narwhal.stop()
    const calls = (await readFile(trace, 'utf8')).slice(before).split('\n')
    const paths = calls.flatMap((call) => /"(\/[^"]*)"/.exec(call)?.[1] ?? [])
    const isOurs = (path: string) => path.startsWith(narwhal.dataDir)
    expect(paths.filter(isOurs), 'the trace saw the one honest request').not.toEqual([])
    expect(paths.filter((path) => !isOurs(path) && /secret|passwd/.test(path))).toEqual([])
    // The kernel's own facts are read by Node, and by whoever asks whether the machine is busy.
    const reached = paths.filter((path) => !isOurs(path) && !/^\/(proc|sys)\//.test(path))
    expect(reached).toEqual([])
  })
})

describe('C8: a method that is not GET or HEAD', () => {
  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'CONNECT', 'PROPFIND'])(
    '%s is 405',
    async (method) => {
      const { narwhal, upstream, info } = await start()
      const target = method === 'CONNECT' ? 'evil.example.org:443' : `/${info.url}`
      const request = `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
      const { responses } = await exchangeRaw(narwhal.port, request)
      expect(responses[0]?.status).toBe(405)
      expect(upstream.count()).toBe(0)
    },
  )

  test('who asks for a tunnel and stays is hung up on, with his answer', async () => {
    const { narwhal } = await start()
    const socket = connect({ port: narwhal.port, host: '127.0.0.1', allowHalfOpen: true })
    atTestEnd(() => void socket.destroy())
    socket.write('CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\nmore than was asked for')
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 405 /)
    socket.on('error', () => undefined)
    // Written to what has been closed, it is answered with a reset.
    const writing = setInterval(() => socket.write('x'), 100)
    await expect.poll(() => socket.destroyed, { timeout: 20_000 }).toBe(true)
    clearInterval(writing)
  })

  test('junk is 400, and the server goes on', async () => {
    const { narwhal } = await start()
    for (const junk of [
      'FOO / HTTP/1.1\r\n\r\n',
      '\x16\x03\x01\x02\x00',
      'GET\r\n\r\n',
      ' \r\n\r\n',
    ]) {
      const { responses } = await exchangeRaw(narwhal.port, junk, { timeoutMs: 15_000 })
      expect([400, undefined]).toContain(responses[0]?.status)
    }
    expect((await requestRaw(`${narwhal.url}/nix-cache-info`)).status).toBe(200)
  })

  test('HEAD has the headers of GET for everything', async () => {
    const { narwhal, info } = await start()
    const paths = ['nix-cache-info', `${info.storePath.hash}.narinfo`, `${hash}.narinfo`, '']
    for (const path of paths) {
      await requestRaw(`${narwhal.url}/${path}`)
      const get = await requestRaw(`${narwhal.url}/${path}`)
      const head = await requestRaw(`${narwhal.url}/${path}`, { method: 'HEAD' })
      const passing = ['date', 'x-request-id']
      const lasting = ({ headers }: typeof get) =>
        headers.filter(([name]) => !passing.includes(name))
      expect(head.status, path).toBe(get.status)
      expect(lasting(head), path).toEqual(lasting(get))
      expect(head.body).toHaveLength(0)
    }
  })
})

describe('C7: too much', () => {
  test.each([
    ['a URL of 4 KiB', `GET /${'a'.repeat(4096)} HTTP/1.1\r\nHost: x\r\n\r\n`, [414]],
    ['a URL of 64 KiB', `GET /${'a'.repeat(65536)} HTTP/1.1\r\nHost: x\r\n\r\n`, [414, 431]],
    [
      'a header of 17 KiB',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(17 * 1024)}\r\n\r\n`,
      [431],
    ],
    ['3000 headers', `GET / HTTP/1.1\r\nHost: x\r\n${'X: aaaa\r\n'.repeat(3000)}\r\n`, [431]],
  ])('%s is refused', async (_, request, statuses) => {
    const { narwhal } = await start()
    const { responses } = await exchangeRaw(narwhal.port, request, { responses: 1 })
    expect(statuses).toContain(responses[0]?.status)
    expect((await requestRaw(`${narwhal.url}/nix-cache-info`)).status).toBe(200)
  })
})
