import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, vi } from 'vitest'
import { formatPublicKey, formatSecretKey, generateSecretKey } from '../../src/nix/signature.ts'
import { auditCache } from '../support/audit-cache.ts'
import { lies } from '../support/audit-data-dir.ts'
import { expectClosure, expectSuccess } from '../support/expect-closure.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { freshNixClient } from '../support/nix-client.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { testWith } from '../support/programs.ts'
import { type RealCacheName, realClosure } from '../support/real-closure.ts'
import { tempDir } from '../support/temp-dir.ts'
import { newToken, recordOf, writeTokens } from '../support/upload-stage.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })
const test = testWith(['nix', 'nix-store'])

/** A narwhal that takes uploads and signs them, and a client that has the closure of this cache. */
async function stage(name: RealCacheName, { env = {}, signs = true, trusts = false } = {}) {
  const closure = await realClosure()
  const directory = await tempDir('push')
  const [tokensFile, keyFile, netrc] = ['tokens.json', 'own.secret', 'netrc'].map((file) =>
    join(directory, file),
  ) as [string, string, string]
  const token = newToken()
  await writeTokens(tokensFile, [recordOf('ci', token)])
  const key = generateSecretKey('own-1')
  await writeFile(keyFile, formatSecretKey(key))
  await writeFile(netrc, `machine 127.0.0.1 login ci password ${token}\n`)
  const upstream = await startFakeUpstream(await tempDir('empty'))
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [
      trusts ? closure.publicKey : 'none-1:eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=',
    ],
    env: {
      NARWHAL_AUTH_TOKENS_FILE: tokensFile,
      NARWHAL_RECOMPRESS_ENABLED: 'false',
      ...(signs ? { NARWHAL_SIGNING_KEY_FILE: keyFile } : {}),
      ...env,
    },
  })
  const pusher = await freshNixClient({
    trustedKeys: [closure.publicKey],
    requireSignatures: false,
  })
  expectSuccess(await pusher.copyFrom(`file://${closure.cache(name)}`, closure.root))
  const ownKey = formatPublicKey(key.publicKey)
  return { closure, narwhal, upstream, pusher, netrc, ownKey, token }
}

test.for(['xz', 'none', 'zstd', 'gzip', 'br'])(
  'a real client pushes a closure with compression %s, and another substitutes it',
  async (compression) => {
    const { closure, narwhal, pusher, netrc, ownKey } = await stage('unsigned')
    const url = `${narwhal.url}?compression=${compression}&write-nar-listing=1`
    expectSuccess(await pusher.copyTo(url, closure.root, netrc))
    // Nothing is pushed twice.
    expectSuccess(await pusher.copyTo(url, closure.root, netrc))

    const trustedKeys = [ownKey]
    const one = await freshNixClient({ trustedKeys })
    expectSuccess(await one.copyFrom(narwhal.url, closure.root))
    await expectClosure(one, closure)
    const two = await freshNixClient({ trustedKeys })
    expectSuccess(await two.realise(narwhal.url, closure.root))
    await expectClosure(two, closure)
    const hash = /(\w{32})-/.exec(closure.root)?.[1]
    const listing = await fetch(`${narwhal.url}/${hash}.ls`)
    expect(listing.headers.get('content-type')).toBe('application/json')
    expect(await listing.json()).toMatchObject({ version: 1 })

    await narwhal.stop()
    await expectSoundDataDir(narwhal.dataDir)
    expect(await auditCache(join(narwhal.dataDir, 'cache'), ownKey), lies).toEqual([])
    expect(await readdir(join(narwhal.dataDir, 'origin'))).toHaveLength(closure.paths.length)
  },
)

test('what a believed key has signed keeps that signature alone, and no key of our own is needed', async () => {
  const at = await stage('zstd', { signs: false, trusts: true })
  const { closure, narwhal, pusher, netrc } = at
  expectSuccess(await pusher.copyTo(narwhal.url, closure.root, netrc))
  const client = await freshNixClient({ trustedKeys: [closure.publicKey] })
  expectSuccess(await client.copyFrom(narwhal.url, closure.root))
  await expectClosure(client, closure)
  const hash = /(\w{32})-/.exec(closure.root)?.[1]
  const narinfo = await readFile(join(narwhal.dataDir, 'cache', `${hash}.narinfo`), 'utf8')
  expect(narinfo.match(/^Sig: .*/gm)?.map((line) => line.split(':')[1])).toEqual([' test-1'])
})

test('a real client hears at once why nothing is taken: no token, no key', async () => {
  const { closure, narwhal, pusher, netrc } = await stage('unsigned', { signs: false })
  const stranger = await pusher.copyTo(narwhal.url, closure.root)
  expect(stranger.code).not.toBe(0)
  expect(stranger.stderr).toContain('HTTP error 401')
  const unsigned = await pusher.copyTo(narwhal.url, closure.root, netrc)
  expect(unsigned.code).not.toBe(0)
  expect(unsigned.stderr).toMatch(/HTTP error 403[\s\S]*UPLOAD_UNSIGNED/)
  for (const { stderr } of [stranger, unsigned]) expect(stderr).not.toContain('retrying')
})

test('a real client pushes debug info, and logs in only where it has to', async () => {
  const { narwhal, pusher, netrc } = await stage('unsigned')
  const tree = await tempDir('debug')
  const buildId = `${'ab'.repeat(19)}cd`
  const room = join(tree, 'lib', 'debug', '.build-id', buildId.slice(0, 2))
  await mkdir(room, { recursive: true })
  await writeFile(join(room, `${buildId.slice(2)}.debug`), 'debug')
  const path = await pusher.add(tree)
  expectSuccess(await pusher.copyTo(`${narwhal.url}?index-debug-info=true`, path, netrc))
  const info = await fetch(`${narwhal.url}/debuginfo/${buildId}.debug`)
  expect(info.status).toBe(200)
  expect(await info.json()).toMatchObject({ member: expect.stringContaining(buildId.slice(2)) })
  // What is addressed by its contents needs nobody's key.
  const client = await freshNixClient({ trustedKeys: [] })
  expectSuccess(await client.copyFrom(narwhal.url, path))
})

test('two real clients push the same closure at once', async () => {
  const { closure, narwhal, pusher, netrc, ownKey } = await stage('unsigned')
  const other = await freshNixClient({ trustedKeys: [], requireSignatures: false })
  expectSuccess(await other.copyFrom(`file://${closure.cache('unsigned')}`, closure.root))
  const runs = await Promise.all([
    pusher.copyTo(`${narwhal.url}?compression=none`, closure.root, netrc),
    other.copyTo(`${narwhal.url}?compression=none`, closure.root, netrc),
  ])
  for (const run of runs) expectSuccess(run)
  const client = await freshNixClient({ trustedKeys: [ownKey] })
  expectSuccess(await client.realise(narwhal.url, closure.root))
  await expectClosure(client, closure)
})

test('what was pushed as xz is packed anew, and stays pushed', async () => {
  const at = await stage('unsigned', { env: { NARWHAL_RECOMPRESS_ENABLED: 'true' } })
  const { closure, narwhal, pusher, netrc, ownKey } = at
  expectSuccess(await pusher.copyTo(`${narwhal.url}?compression=xz`, closure.root, netrc))
  // One that remembers the narinfos as they were.
  const old = await freshNixClient({ trustedKeys: [ownKey] })
  expectSuccess(await old.pathInfo(narwhal.url, closure.root))
  const marks = () => readdir(join(narwhal.dataDir, 'origin'))
  await expect
    .poll(async () => (await marks()).filter((name) => name.endsWith('.zst')).length, {
      timeout: 240_000,
      interval: 200,
    })
    .toBe(closure.paths.length)
  await expect.poll(marks).toHaveLength(closure.paths.length)
  const client = await freshNixClient({ trustedKeys: [ownKey] })
  expectSuccess(await client.copyFrom(narwhal.url, closure.root))
  await expectClosure(client, closure)
  expectSuccess(await old.copyFrom(narwhal.url, closure.root))
  await expectClosure(old, closure)
  // It is the same path still.
  expectSuccess(await pusher.copyTo(`${narwhal.url}?compression=xz`, closure.root, netrc))
  await narwhal.stop()
  // Nobody else has what clients may ask for as long as they remember narinfos.
  const index = new DatabaseSync(join(narwhal.dataDir, 'index.sqlite'), { readOnly: true })
  const { soonest } = index.prepare('SELECT min(superseded_at) AS soonest FROM nar').get() ?? {}
  index.close()
  expect(Number(soonest) - Date.now()).toBeGreaterThan(29 * 86_400_000)
  await expectSoundDataDir(narwhal.dataDir)
})
