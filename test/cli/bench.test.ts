import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startNginx } from '../../bench/nginx.ts'
import { figures } from '../../src/cli/bench/measurements.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts'
import { status } from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { mustRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { type SyntheticCache, syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

/** Enough for counts; figures mean nothing. */
const short = ['--seconds', '0.1', '--rounds', '1']
const patience = 180_000
const allKeys = figures.map(({ key }) => key)

async function subject(): Promise<{ cache: SyntheticCache; upstream: FakeUpstream; root: string }> {
  const cache = await syntheticCache({ paths: 12, totalBytes: 600_000 })
  const upstream = await startFakeUpstream(cache.directory)
  return { cache, upstream, root: cache.infos.at(-1)?.storePath.hash ?? '' }
}

async function benchJson(args: readonly string[]) {
  const { code, stdout, stderr } = await runCommand(['bench', ...args, '--json'])
  return { code, stderr, report: stdout === '' ? undefined : JSON.parse(stdout) }
}

test(
  'measures everything, and says so in JSON of the documented shape',
  async () => {
    const { upstream, root, cache } = await subject()
    const { code, report, stderr } = await benchJson([upstream.url, ...short, '--path', root])
    expect(Object.keys(report)).toEqual([
      ...['startedAt', 'rounds', 'seconds', 'asked', 'loopbackMbits', 'caches', 'isGood'],
    ])
    expect(report).toMatchObject({ rounds: 1, seconds: 0.1 })
    expect(report.asked).toMatchObject({
      narinfos: 12,
      absent: 100,
      walkNarinfos: 12,
      walkNars: 12,
    })
    const [measured] = report.caches
    expect(measured).toMatchObject({
      url: upstream.url,
      errors: 0,
      errorTexts: [],
      interface: 'lo',
    })
    expect(Object.keys(measured.figures)).toEqual(allKeys)
    for (const spread of Object.values<{ median: number }>(measured.figures)) {
      expect(Object.keys(spread)).toEqual(['median', 'min', 'max'])
      expect(spread.median).toBeGreaterThan(0)
    }
    expect(measured.firstRead).toEqual({
      ...{ nars: 12, checked: 12 },
      bytes: cache.infos.reduce((sum, { fileSize = 0 }) => sum + fileSize, 0),
    })
    expect(measured.findings.map(({ about }: { about: string }) => about)).toEqual([
      ...['latency', 'throughput', 'errors'],
    ])
    expect(code).toBe(report.isGood ? 0 : 1)
    expect(stderr).toContain('bench: round 1 of 1: closure walk, 16 NARs at once')
  },
  patience,
)

test(
  'compares caches side by side, and tells people in a table and a verdict',
  async () => {
    const { upstream, root, cache } = await subject()
    const narwhal = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
    })
    const run = await runCommand(['bench', narwhal.url, upstream.url, ...short, '--path', root])
    expect(run.stdout).toMatch(/^A {2}http:\/\/127\.0\.0\.1:\d+\nB {2}http:\/\/127\.0\.0\.1:\d+\n/)
    expect(run.stdout).toMatch(/^narinfo, median, ms +\d\S* +\d\S*$/m)
    expect(run.stdout).toMatch(/^closure as nix copy, s +\d\S* +\d\S*$/m)
    expect(run.stdout).toContain('12 narinfos and 100 made-up paths')
    expect(run.stdout.match(/^[+-] Throughput .* Mbit\/s .* loopback carries/gm)).toHaveLength(2)
    expect(run.stdout.match(/^\+ No errors in \d+ answers\.$/gm)).toHaveLength(2)
    expect(run.stdout).not.toContain('\u001b')
  },
  patience,
)

testWith(['nginx'])(
  'measures nginx, a plain directory of files',
  async () => {
    const { cache, root } = await subject()
    const nginx = await startNginx(cache.directory, await tempDir('nginx'))
    atTestEnd(async () => void (await nginx[Symbol.asyncDispose]()))
    const { report } = await benchJson([nginx.url, ...short, '--path', root])
    expect(report.caches[0].errors).toBe(0)
    expect(Object.keys(report.caches[0].figures)).toEqual(allKeys)
  },
  patience,
)

testWith(['openssl'])(
  'measures over TLS, through chunks, redirects and missing hashes',
  async () => {
    const { cache, root } = await subject()
    const directory = await tempDir('tls')
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost']
    const files = ['-addext', names, '-keyout', key, '-out', cert]
    await mustRun('openssl', [...request, ...files], { env: { PATH: process.env.PATH ?? '' } })
    const options = { key: await readFile(key), cert: await readFile(cert) }
    const server = createServer(options, async ({ url = '' }, response) => {
      const file = join(cache.directory, url.replace('/elsewhere/', '/nar/'))
      const bytes = await readFile(file).catch(() => undefined)
      if (bytes === undefined) response.writeHead(404).end('no\n')
      else if (url.startsWith('/nar/'))
        response.writeHead(302, { location: url.replace('/nar/', '/elsewhere/') }).end('moved\n')
      // without a length, so it is sent in chunks
      else if (url.endsWith('.narinfo'))
        response.end(bytes.toString().replace(/^File(Hash|Size): .*\n/gm, ''))
      else response.end(bytes)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    atTestEnd(() => {
      server.close()
      server.closeAllConnections()
    })
    const { port } = server.address() as AddressInfo
    const args = ['bench', `https://localhost:${port}`, ...short, '--path', root, '--json']
    const { stdout } = await runCommand(args, { env: { NODE_EXTRA_CA_CERTS: cert } })
    const { caches } = JSON.parse(stdout)
    expect(caches[0]).toMatchObject({ errors: 0, firstRead: { nars: 12, checked: 0 } })
    expect(Object.keys(caches[0].figures)).toEqual(allKeys)
    const stranger = await benchJson([`https://localhost:${port}`, ...short, '--path', root])
    expect(stranger.code).toBe(3)
    expect(stranger.stderr).toMatch(/certificate/)
  },
  patience,
)

test(
  'only reads, and no more than it was allowed',
  async () => {
    const cache = await syntheticCache({ paths: 30, totalBytes: 8_000_000, compression: 'none' })
    const upstream = await startFakeUpstream(cache.directory)
    const maxBytes = 10_000_000
    const root = cache.infos.at(-1)?.storePath.hash ?? ''
    const args = [upstream.url, '--seconds', '0.5', '--rounds', '2', '--path', root]
    const { report } = await benchJson([...args, '--max-bytes', String(maxBytes)])
    expect(new Set(upstream.requests.map(({ method }) => method))).toEqual(new Set(['GET']))
    expect(report.asked.walkNars).toBeGreaterThan(0)
    expect(report.asked.walkNars).toBeLessThan(30)
    // each measurement is cut off behind its share: some 64 KiB late
    const measurements = 2 * 9
    const received = report.caches[0].receivedBytes
    expect(received).toBeLessThan(maxBytes + measurements * 2 ** 16)
    expect(received).toBeGreaterThan(maxBytes / 20)
  },
  patience,
)

test(
  'a NAR that does not match its hash, and answers with errors, are counted: exit code 1',
  async () => {
    const { upstream, root, cache } = await subject()
    const [first] = cache.infos
    if (first === undefined) throw new Error('no paths')
    const file = join(cache.directory, first.url)
    const bytes = await readFile(file)
    bytes.writeUInt8(bytes.readUInt8(50) ^ 1, 50)
    await writeFile(file, bytes)
    const { code, report } = await benchJson([upstream.url, ...short, '--path', root])
    expect(code).toBe(1)
    expect(report.caches[0].errors).toBeGreaterThan(0)
    expect(report.caches[0].errorTexts).toContain(`${first.url} does not match its FileHash`)
    expect(report.caches[0].figures).not.toHaveProperty('copySeconds')
    expect(report.caches[0].findings.at(-1)).toMatchObject({ about: 'errors', holds: false })

    upstream.script(/^\/nar\//, status(500))
    const broken = await benchJson([upstream.url, ...short, '--path', root])
    expect(broken.code).toBe(1)
    expect(broken.report.caches[0].findings).toContainEqual({
      ...{ about: 'throughput', sentence: 'Throughput: no NAR could be read.' },
    })
  },
  patience,
)

test(
  'says what to give where it knows no path, and exits with 3',
  async () => {
    const { upstream } = await subject()
    const unknown = await benchJson([upstream.url, ...short, '--path', '0'.repeat(32)])
    expect(unknown.code).toBe(3)
    expect(unknown.stderr).toMatch(/does not have 0{32}\n.*--path/)
    const found = await benchJson([upstream.url, ...short])
    expect(found.code).toBe(3)
    expect(found.stderr).toMatch(/Nix store[^\n]*\n.*--path/)
  },
  patience,
)

test(
  'where there is no cache the exit code is 3, with a hint',
  async () => {
    const { upstream, root, cache } = await subject()
    const nobody = await benchJson(['http://127.0.0.1:1', ...short, '--path', root])
    expect(nobody.code).toBe(3)
    expect(nobody.stderr).toMatch(/http:\/\/127\.0\.0\.1:1: .*\n.*substituters/)
    await rm(join(cache.directory, 'nix-cache-info'))
    const other = await benchJson([upstream.url, ...short, '--path', root])
    expect(other).toMatchObject({ code: 3 })
    expect(other.stderr).toContain('it has no /nix-cache-info')
  },
  patience,
)

test(
  'explains itself, and refuses what it cannot measure',
  async () => {
    const { code, stdout } = await runCommand(['bench', '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: narwhal bench \[options\] <URL\.\.\.>/)
    expect(stdout).toMatch(/--path[\s\S]*--max-bytes[\s\S]*Exit code 0/)
    for (const args of [
      [],
      ['file:///srv'],
      ['http://x', '--path', 'hello'],
      ['http://x', '--seconds', '0'],
      ['http://x', '--rounds', '1.5'],
      ['http://x', '--max-bytes', 'much'],
    ])
      expect((await runCommand(['bench', ...args])).code).toBe(2)
  },
  patience,
)
