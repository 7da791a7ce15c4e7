import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { atTestEnd } from '../support/at-test-end.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { tempDir } from '../support/temp-dir.ts'
import { clientOf, clientWith, look, nixosCache, nixTest, stage } from './troubleshoot-stage.ts'

describe('on the server', () => {
  async function configured(text: string): Promise<string> {
    const dir = await tempDir('config')
    const file = join(dir, 'narwhal.toml')
    await writeFile(file, text)
    return file
  }

  const configOf = ({ port, dataDir }: { port: number; dataDir: string }) =>
    configured(`listen = ["127.0.0.1:${port}"]\ndata_dir = ${JSON.stringify(dataDir)}\n`)

  nixTest('a healthy one: files, lock, room, port; a client it need not be', async () => {
    const { narwhal, path } = await stage()
    const config = await configOf(narwhal)
    const { env } = await clientWith([`substituters = ${nixosCache}`])
    const report = await look(['--config', config, '--store-path', path], env)
    expect(report).toMatchObject({ url: narwhal.url, urlFrom: `listen in ${config}` })
    for (const name of ['config', 'data dir', 'room', 'lock', 'port', 'status'] as const)
      expect(report.of(name), name).toMatchObject({ state: 'ok' })
    expect(report.of('lock').seen).toBe('A narwhal holds the data directory.')
    expect(report.of('port').seen).toContain(`(${narwhal.pid}) on ${narwhal.port}`)
    expect(report.of('substituters')).toMatchObject({ state: 'warning' })
    // nothing was changed by looking
    expect((await requestRaw(`${narwhal.url}/readyz`)).status).toBe(200)
  })

  nixTest('upstreams that are away', async () => {
    const { narwhal, upstream, cache } = await stage()
    const { env } = await clientOf(narwhal.url, [cache.publicKey])
    await upstream.down()
    const asked = [1, 2, 3].map((digit) =>
      requestRaw(`${narwhal.url}/${String(digit).repeat(32)}.narinfo`),
    )
    await expect
      .poll(async () => (await requestRaw(`${narwhal.url}/readyz`)).body.toString(), {
        timeout: 20_000,
      })
      .toContain('degraded')
    await Promise.all(asked)
    const report = await look(['--url', narwhal.url], env)
    expect(report.faults).toContain('status')
    expect(report.of('status')).toMatchObject({ symptom: 'upstream-away' })
  })

  nixTest('mistakes in its configuration', async () => {
    const config = await configured('[cache]\nmax_sise = "1GiB"\nmemory = 3.5\n')
    const { env } = await clientWith([])
    const report = await look(['--config', config, '--url', 'http://127.0.0.1:1'], env)
    expect(report.faults).toEqual(['connection', 'config'])
    expect(report.of('config').seen).toMatch(/narwhal\.toml:2: cache\.max_sise: .*, and 1 more\.$/)
  })

  nixTest('a stopped one, and a directory that is not there yet', async () => {
    const { narwhal } = await stage()
    const { port, dataDir } = narwhal
    await narwhal.stop()
    const { env } = await clientWith([])
    const stopped = await look(['--config', await configOf({ port, dataDir })], env)
    expect(stopped.faults).toEqual(['connection', 'port'])
    expect(stopped.of('lock').seen).toBe('Nobody holds it.')
    await rm(dataDir, { recursive: true })
    const gone = await look(['--config', await configOf({ port, dataDir })], env)
    expect(gone.of('data dir')).toMatchObject({ state: 'warning' })
    expect(gone.of('lock')).toMatchObject({ state: 'unchecked' })
  })

  nixTest('another program on its port', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.end('220 hello\r\n')))
    server.listen(0, '127.0.0.1')
    atTestEnd(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const dataDir = await tempDir('data')
    await mkdir(join(dataDir, 'cache'), { recursive: true })
    const { env } = await clientWith([])
    const report = await look(['--config', await configOf({ port, dataDir })], env)
    expect(report.of('port')).toMatchObject({ state: 'fault', symptom: 'port-taken' })
    expect(report.of('port').seen).toContain(`(${process.pid}) on ${port}`)
  })

  nixTest(
    'a lock held while nothing answers, and a server that uses another directory',
    async () => {
      const first = await stage()
      const { env } = await clientWith([])
      const held = await configOf({ port: 1, dataDir: first.narwhal.dataDir })
      expect((await look(['--config', held], env)).of('lock')).toMatchObject({
        state: 'fault',
        symptom: 'data-dir-locked',
      })
      const second = await startNarwhal({ upstreams: [first.upstream.url], trustedKeys: [] })
      await second.stop()
      const other = await configOf({ port: first.narwhal.port, dataDir: second.dataDir })
      expect((await look(['--config', other], env)).of('lock')).toMatchObject({ state: 'warning' })
    },
  )

  nixTest('a file system with less room than cache.min_free', async () => {
    const { narwhal } = await stage()
    const config = await configured(
      `listen = ["127.0.0.1:${narwhal.port}"]\ndata_dir = ${JSON.stringify(narwhal.dataDir)}\n[cache]\nmin_free = "100%"\n`,
    )
    const { env } = await clientWith([])
    const report = await look(['--config', config], env)
    expect(report.of('room')).toMatchObject({ state: 'fault', symptom: 'disk-full' })
  })
})
