import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { atTestEnd } from '../support/at-test-end.ts'
import { body, edit, flipBit, header, silence, status, waitFor } from '../support/faults.ts'
import { mustRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'
import { startUnansweredPort } from '../support/unanswered-port.ts'
import { runCommand } from './run-command.ts'
import { bareStage, clientOf, look, nixTest, stage } from './troubleshoot-stage.ts'

describe('the way there', () => {
  nixTest('a closed port', async () => {
    const { narwhal, cache } = await stage()
    const { env } = await clientOf(narwhal.url, [cache.publicKey])
    await narwhal.kill()
    const report = await look(['--url', narwhal.url], env)
    expect(report.faults).toEqual(['connection'])
    expect(report.of('connection')).toMatchObject({ symptom: 'server-down' })
    expect(report.of('priority')).toMatchObject({ state: 'unchecked' })
  })

  testWith(['nix', 'perl'])('a firewall that drops everything', async () => {
    const { url } = await startUnansweredPort()
    const { env } = await clientOf(url, [])
    const report = await look(['--url', url], env)
    expect(report.faults).toEqual(['connection'])
    expect(report.of('connection')).toMatchObject({ symptom: 'firewall' })
  })

  nixTest('a name nobody knows', async () => {
    const { env } = await clientOf('http://cache.invalid:5000', [])
    const report = await look(['--url', 'http://cache.invalid:5000'], env)
    expect(report.faults).toEqual(['name'])
    expect(report.of('name')).toMatchObject({ symptom: 'name-not-found' })
  })

  nixTest('a server that takes connections and says nothing', async () => {
    const { upstream, run } = await bareStage()
    upstream.script(() => true, silence())
    const report = await run()
    expect(report.faults).toEqual(['address'])
    expect(report.of('address').seen).toContain('says nothing for 4 s')
  })

  nixTest('a server that falls silent at the narinfo', async () => {
    const { upstream, run } = await bareStage()
    upstream.script(/\.narinfo$/, silence())
    const report = await run()
    expect(report.faults).toEqual(['narinfos'])
    expect(report.of('narinfos')).toMatchObject({ symptom: 'slow-narinfos' })
  })

  nixTest('a slow server', async () => {
    const { upstream, run } = await bareStage()
    upstream.delayMs = 1200
    const report = await run()
    expect(report.faults).toEqual([])
    expect(report.of('address')).toMatchObject({ state: 'warning', symptom: 'busy-machine' })
    expect(report.of('narinfos')).toMatchObject({ state: 'warning', symptom: 'slow-narinfos' })
  })

  nixTest('a NAR that takes longer than there is time', async () => {
    const { upstream, run } = await bareStage()
    const never = new Promise(() => undefined)
    upstream.script(/^\/nar\//, waitFor(never))
    const report = await run()
    expect(report.of('nar')).toMatchObject({ state: 'warning', symptom: 'slow' })
  })

  nixTest('a clock that is wrong', async () => {
    const { upstream, run } = await bareStage()
    upstream.script('/nix-cache-info', header('Date', 'Thu, 01 Jan 1970 00:00:10 GMT'))
    expect((await run()).of('clock')).toMatchObject({ state: 'warning', symptom: 'clock-wrong' })
  })

  nixTest('a path in the URL that is not the cache, and https where it speaks HTTP', async () => {
    const { narwhal, cache } = await stage()
    const { env } = await clientOf(narwhal.url, [cache.publicKey])
    for (const url of [
      `${narwhal.url}/nix-cache-info`,
      `${narwhal.url}/cache/`,
      narwhal.url.replace('http:', 'https:'),
      `${narwhal.url.replace('http:', 'https:')}/cache`,
    ]) {
      const report = await look(['--url', url], env)
      expect(report.faults).toEqual(['address'])
      expect(report.of('address')).toMatchObject({
        lines: [`substituters = ${narwhal.url}`],
        symptom: 'wrong-url',
      })
    }
  })

  testWith(['nix', 'openssl'])('http where it speaks HTTPS', async () => {
    const directory = await tempDir('tls')
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost']
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]
    await mustRun('openssl', [...request, ...names], { env: { PATH: process.env.PATH ?? '' } })
    const options = { key: await readFile(key), cert: await readFile(cert) }
    const server = createTlsServer(options, (_request, response) =>
      response.end('StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 30\n'),
    ).listen(0, '127.0.0.1')
    atTestEnd(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}`
    const { env } = await clientOf(url, [])
    const report = await look(['--url', url], { ...env, NODE_EXTRA_CA_CERTS: cert })
    expect(report.faults).toEqual(['address'])
    expect(report.of('address').lines).toEqual([`substituters = https://127.0.0.1:${port}`])
  })

  nixTest('something else that answers', async () => {
    const { upstream, run } = await bareStage()
    upstream.script(() => true, body('<html>Please log in</html>'))
    const report = await run()
    expect(report.faults).toEqual(['address'])
    expect(report.of('address').seen).toContain('it is no binary cache')
  })
})

describe('what the cache serves', () => {
  nixTest('another store directory', async () => {
    const { upstream, run } = await bareStage()
    upstream.script(
      '/nix-cache-info',
      body('StoreDir: /gnu/store\nWantMassQuery: 1\nPriority: 30\n'),
    )
    const report = await run()
    expect(report.faults).toEqual(['store dir'])
    expect(report.of('store dir').seen).toBe(
      "It is for /gnu/store, and this machine's store is /nix/store.",
    )
  })

  nixTest('a damaged NAR: unpacked to something else, or cut off', async () => {
    const { upstream, run } = await bareStage()
    const flipped = upstream.script(/^\/nar\//, flipBit(2000))
    const report = await run()
    expect(report.faults).toEqual(['nar'])
    expect(report.of('nar')).toMatchObject({ symptom: 'hash-mismatch' })
    expect(report.of('nar').seen).toContain('FileHash')
    expect(report.of('nar').seen).toMatch(/does not match its FileHash; /)
    flipped.stop()
    const other = 'sha256:0000000000000000000000000000000000000000000000000000'
    const lying = upstream.script(
      /\.narinfo$/,
      edit((text) => text.replace(/^FileHash: .*$/m, `FileHash: ${other}`)),
    )
    expect((await run()).of('nar').seen).toMatch(/does not match its FileHash\.$/)
    lying.stop()
    upstream.script(
      /\.narinfo$/,
      edit((text) => text.replace(/^FileHash: .*\n/m, '')),
    )
    expect((await run()).of('nar')).toMatchObject({ state: 'ok' })
    upstream.script(/^\/nar\//, flipBit(2000))
    const unpacked = (await run()).of('nar')
    expect(unpacked).toMatchObject({ state: 'fault', symptom: 'hash-mismatch' })
    expect(unpacked.seen).not.toContain('FileHash')
  })

  nixTest('narwhal before a damaged upstream: it cuts off, and that is seen', async () => {
    const { upstream, narwhal, cache, path } = await stage()
    upstream.script(/^\/nar\//, flipBit(2000))
    const { env } = await clientOf(narwhal.url, [cache.publicKey])
    const report = await look(['--url', narwhal.url, '--store-path', path], env)
    expect(report.faults).toEqual(['nar'])
    expect(report.of('nar')).toMatchObject({ symptom: 'hash-mismatch' })
  })

  nixTest('a NAR that is gone', async () => {
    const { upstream, run } = await bareStage()
    upstream.script(/^\/nar\//, status(404))
    expect((await run()).of('nar')).toMatchObject({ state: 'fault', symptom: 'nar-gone' })
  })

  nixTest('errors of the server', async () => {
    const { upstream, run } = await bareStage()
    upstream.script(/\.narinfo$/, status(500))
    const report = await run()
    expect(report.faults).toEqual(['narinfos'])
    expect(report.of('narinfos').seen).toContain('status 500')
    expect(report.of('narinfos').symptom).toBe('narinfo-5xx')
  })

  nixTest('a path that it should have and has not, and why', async () => {
    const { narwhal, cache, upstream, path } = await stage()
    const { env } = await clientOf(narwhal.url, [cache.publicKey])
    const absent = await look(['--url', narwhal.url, '--store-path', '1'.repeat(32)], env)
    expect(absent.of('narinfos')).toMatchObject({ state: 'fault', symptom: 'every-path-404' })
    upstream.script(
      /\.narinfo$/,
      edit((text) => text.replace(/^Sig: .*\n/gm, '')),
    )
    const unsigned = await look(['--url', narwhal.url, '--store-path', path], env)
    expect(unsigned.of('narinfos')).toMatchObject({ state: 'fault', symptom: 'upstream-untrusted' })
  })

  nixTest('what it says cannot write to the terminal', async () => {
    const { upstream, url, path, client } = await bareStage()
    upstream.script(/\.narinfo$/, [status(500), body('\u001b]0;owned\u0007\u001b[2J')])
    const args = ['troubleshoot', '--auto', '--url', url, '--store-path', path]
    const { stdout } = await runCommand(args, { env: client.env })
    expect(stdout).toContain('?]0;owned??')
    expect(stdout).not.toContain('\u001b')
  })
})
