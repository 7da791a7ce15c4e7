import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import type { ClosureOptions } from '../../src/cli/demo/closure.ts'
import { formatDigest, formatHash } from '../../src/nix/hash.ts'
import { type NarInfo, parseNarInfo } from '../../src/nix/narinfo.ts'
import { atRest } from '../support/at-rest.ts'
import { expectNar } from '../support/expect-served.ts'
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts'
import { flipBit, pauseAfter, status, waitFor } from '../support/faults.ts'
import {
  type NarwhalOptions,
  type NarwhalProcess,
  startNarwhal,
} from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { requestRaw } from '../support/raw-http.ts'
import { type SyntheticCache, syntheticCache } from '../support/synthetic-cache.ts'

vi.setConfig({ testTimeout: 180_000 })

interface Stage {
  readonly cache: SyntheticCache
  readonly upstream: FakeUpstream
  readonly server: NarwhalProcess
}

interface StageOptions
  extends Partial<NarwhalOptions>,
    Pick<ClosureOptions, 'paths' | 'totalBytes' | 'compression'> {}

async function stage(options: StageOptions) {
  const { paths = 4, totalBytes = 2_000_000, compression = 'none', ...rest } = options
  const cache = await syntheticCache({ paths, totalBytes, compression })
  const upstream = await startFakeUpstream(cache.directory)
  const server = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    ...rest,
    env: { NARWHAL_RECOMPRESS_ENABLED: 'true', ...rest.env },
  })
  return { cache, upstream, server }
}

/** Another server on the same data directory, which recompresses whatever the machine does. */
async function recompressing(at: Stage): Promise<Stage> {
  const server = await startNarwhal({
    upstreams: [at.upstream.url],
    trustedKeys: [at.cache.publicKey],
    dataDir: at.server.dataDir,
    env: { NARWHAL_RECOMPRESS_ENABLED: 'true' },
  })
  return { ...at, server }
}

async function narinfo({ server }: Stage, info: NarInfo): Promise<NarInfo> {
  const response = await fetch(`${server.url}/${info.storePath.hash}.narinfo`)
  expect(response.status).toBe(200)
  return parseNarInfo(await response.text())
}

async function fetchAll(at: Stage): Promise<void> {
  for (const info of at.cache.infos) {
    await narinfo(at, info)
    await expectNar(at.server.url, at.cache, info)
  }
  await atRest(at.server)
}

async function recompressed({ server, cache }: Stage, count = cache.infos.length): Promise<void> {
  await expect
    .poll(
      async () => {
        const response = await fetch(`${server.url}/api/v1/status`)
        const { recompress } = (await response.json()) as { recompress: { done: number } }
        return recompress.done
      },
      { timeout: 120_000, interval: 100 },
    )
    .toBe(count)
}

/** Fetches the zstd form and holds it against what its narinfo promises, packed and unpacked. */
async function expectZstd({ server }: Stage, info: NarInfo): Promise<Buffer> {
  expect(info.compression).toBe('zstd')
  const response = await fetch(`${server.url}/${info.url}`)
  expect(response.status, info.url).toBe(200)
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(sha256(bytes)).toBe(info.fileHash && formatHash(info.fileHash))
  expect(bytes.length).toBe(info.fileSize)
  expect(sha256(await promisify(zstdDecompress)(bytes))).toBe(formatHash(info.narHash))
  return bytes
}

function sha256(bytes: Uint8Array): string {
  return formatHash({ algorithm: 'sha256', digest: createHash('sha256').update(bytes).digest() })
}

const zstdName = ({ storePath, narHash }: NarInfo) =>
  `nar/${storePath.hash}-${formatDigest(narHash, 'nix32')}.nar.zst`

test('a stored NAR is packed anew, its narinfo leads there, signatures stay, the old URL still works', async () => {
  const at = await stage({})
  await fetchAll(at)
  await recompressed(at)
  at.upstream.forget()
  for (const info of at.cache.infos) {
    const now = await narinfo(at, info)
    expect(now.url).toBe(zstdName(info))
    expect(now.signatures).toEqual(info.signatures)
    expect(formatHash(now.narHash)).toBe(formatHash(info.narHash))
    await expectZstd(at, now)
    await expectNar(at.server.url, at.cache, info)
  }
  expect(at.upstream.requests.map(({ target }) => target)).toEqual([])
  await at.server.restart()
  await at.upstream.down()
  for (const info of at.cache.infos) await expectZstd(at, await narinfo(at, info))
  await expectSoundDataDir(at.server.dataDir)
})

test('what waits for its zstd form is made after a restart, and after kill -9', async () => {
  const at = await stage({ env: { NARWHAL_RECOMPRESS_ENABLED: 'false' } })
  await fetchAll(at)
  await at.server.kill()
  const again = await recompressing(at)
  await recompressed(again)
  for (const info of at.cache.infos) await expectZstd(again, await narinfo(again, info))
})

test('what a crash left undone between a zstd form and its narinfo is done after the restart', async () => {
  const at = await stage({ paths: 1 })
  const [info] = at.cache.infos as [NarInfo]
  await fetchAll(at)
  const { dataDir } = at.server
  const kept = join(dataDir, 'cache', `${info.storePath.hash}.narinfo`)
  const before = await readFile(kept)
  await recompressed(at)
  await at.server.kill()
  // The state that kill -9 leaves before the narinfo is renamed.
  await writeFile(kept, before)
  const original = info.url.slice('nar/'.length)
  const index = new DatabaseSync(join(dataDir, 'index.sqlite'))
  index.prepare('UPDATE nar SET to_repack = 1, superseded_at = NULL WHERE file = ?').run(original)
  index.close()
  await at.server.restart()
  await expect.poll(() => readFile(kept, 'utf8'), { timeout: 30_000 }).toContain('zstd')
  await at.server.stop()
  const after = new DatabaseSync(join(dataDir, 'index.sqlite'), { readOnly: true })
  const row = after.prepare('SELECT * FROM nar WHERE file = ?').get(original)
  after.close()
  expect(row).toMatchObject({ to_repack: 0, superseded_at: expect.any(Number) })
  await expectSoundDataDir(dataDir)
})

test('a zstd URL is answered when both files are gone, with the same bytes, to all by one fetch', async () => {
  const at = await stage({ paths: 1 })
  const [info] = at.cache.infos as [NarInfo]
  await fetchAll(at)
  await recompressed(at)
  const now = await narinfo(at, info)
  const before = await expectZstd(at, now)
  await at.server.stop()
  const nars = join(at.server.dataDir, 'cache', 'nar')
  for (const name of await readdir(nars)) await rm(join(nars, name))
  await at.server.restart()
  at.upstream.forget()
  const bodies = await Promise.all(
    [1, 2, 3].map(async () => {
      const response = await fetch(`${at.server.url}/${now.url}`)
      expect(response.status).toBe(200)
      return Buffer.from(await response.arrayBuffer())
    }),
  )
  for (const body of bodies) expect(body.equals(before)).toBe(true)
  expect(at.upstream.count(/^\/nar\//)).toBe(1)
  await expectNar(at.server.url, at.cache, info)
  await expectSoundDataDir(at.server.dataDir)
})

test('the zstd URL of a path is answered by a server that has lost everything', async () => {
  const at = await stage({ paths: 1 })
  const [info] = at.cache.infos as [NarInfo]
  const response = await fetch(`${at.server.url}/${zstdName(info)}`)
  expect(response.status).toBe(200)
  const nar = await promisify(zstdDecompress)(Buffer.from(await response.arrayBuffer()))
  expect(nar.equals(await at.cache.bytesOf(info))).toBe(true)
})

for (const compression of ['zstd', 'br', 'gzip'] as const)
  test(`it is answered too when the upstream offers ${compression} by now`, async () => {
    const at = await stage({ paths: 1, compression })
    const [info] = at.cache.infos as [NarInfo]
    for (let round = 0; round < 2; round += 1) {
      const response = await fetch(`${at.server.url}/${zstdName(info)}`)
      expect(response.status).toBe(200)
      const nar = await promisify(zstdDecompress)(Buffer.from(await response.arrayBuffer()))
      expect(sha256(nar)).toBe(formatHash(info.narHash))
      await atRest(at.server)
    }
    expect(at.upstream.count(/^\/nar\//)).toBe(1)
    await expectNar(at.server.url, at.cache, info)
    await expectSoundDataDir(at.server.dataDir)
  })

for (const [what, fault] of [
  ['deleted', status(404)],
  ['damaged', flipBit(1000)],
] as const)
  test(`an original that its upstream has ${what} by now leaves its zstd form as it is`, async () => {
    const at = await stage({ paths: 1 })
    const [info] = at.cache.infos as [NarInfo]
    await fetchAll(at)
    await recompressed(at)
    const now = await narinfo(at, info)
    await at.server.stop()
    await rm(join(at.server.dataDir, 'cache', info.url))
    await at.server.restart()
    at.upstream.script(/^\/nar\//, fault)
    at.upstream.script(/narinfo$/, status(404))
    const old = await requestRaw(`${at.server.url}/${info.url}`)
    expect(old.status === 200 && old.end === 'clean').toBe(false)
    await atRest(at.server)
    expect(await narinfo(at, info)).toEqual(now)
    await expectZstd(at, now)
  })

test('an interrupted transfer of a zstd form goes on at its byte', async () => {
  const at = await stage({ paths: 1, totalBytes: 4_000_000 })
  const [info] = at.cache.infos as [NarInfo]
  await fetchAll(at)
  await recompressed(at)
  const now = await narinfo(at, info)
  const whole = await expectZstd(at, now)
  const from = whole.length >> 1
  const rest = await fetch(`${at.server.url}/${now.url}`, { headers: { range: `bytes=${from}-` } })
  expect(rest.status).toBe(206)
  expect(Buffer.from(await rest.arrayBuffer()).equals(whole.subarray(from))).toBe(true)
})

test('while the zstd form is made on the way, a hostile original is passed on to nobody', async () => {
  const at = await stage({ paths: 1 })
  const [info] = at.cache.infos as [NarInfo]
  at.upstream.script(/^\/nar\//, flipBit(1000))
  const response = await fetch(`${at.server.url}/${zstdName(info)}`).catch(() => undefined)
  const body = response?.ok ? await response.arrayBuffer().catch(() => undefined) : undefined
  expect(body).toBeUndefined()
  expect(await readdir(join(at.server.dataDir, 'cache', 'nar'))).toEqual([])
})

test('a stored NAR that has rotted is fetched again before it is packed', async () => {
  const at = await stage({ env: { NARWHAL_RECOMPRESS_ENABLED: 'false' }, paths: 1 })
  const [info] = at.cache.infos as [NarInfo]
  await fetchAll(at)
  await at.server.stop()
  const bytes = await at.cache.bytesOf(info)
  const rotten = Buffer.from(bytes)
  rotten[bytes.length >> 1] = (rotten[bytes.length >> 1] as number) ^ 1
  await writeFile(join(at.server.dataDir, 'cache', info.url), rotten)
  const again = await recompressing(at)
  await recompressed(again)
  await expectZstd(again, await narinfo(again, info))
  await expectNar(again.server.url, at.cache, info)
})

test('a client that waits for the zstd form on the way is not held up by a pause', async () => {
  const at = await stage({ paths: 1 })
  const [info] = at.cache.infos as [NarInfo]
  const gate = Promise.withResolvers<void>()
  at.upstream.script(/^\/nar\//, waitFor(gate.promise), { times: 1 })
  const response = fetch(`${at.server.url}/${zstdName(info)}`)
  await expect.poll(() => at.upstream.count(/^\/nar\//)).toBe(1)
  gate.resolve()
  expect((await response).status).toBe(200)
  await (await response).arrayBuffer()
})

test('a zstd form whose original does not arrive holds up no other', async () => {
  const at = await stage({ paths: 3, totalBytes: 16_000_000 })
  const [stalled, other] = at.cache.infos as [NarInfo, NarInfo]
  const gate = Promise.withResolvers<void>()
  at.upstream.script(`/${stalled.url}`, pauseAfter(1_500_000, gate.promise))
  const waiting = fetch(`${at.server.url}/${zstdName(stalled)}`)
  await expect.poll(() => at.upstream.count(`/${stalled.url}`)).toBe(1)
  for (const [info, asked] of [
    [other, fetch(`${at.server.url}/${zstdName(other)}`)],
    [stalled, waiting],
  ] as const) {
    const nar = await promisify(zstdDecompress)(Buffer.from(await (await asked).arrayBuffer()))
    expect(sha256(nar)).toBe(formatHash(info.narHash))
    gate.resolve()
  }
})

test('turned off, stored NARs stay as they are', async () => {
  const at = await stage({ env: { NARWHAL_RECOMPRESS_ENABLED: 'false' } })
  await fetchAll(at)
  const report = async () => {
    const response = await fetch(`${at.server.url}/api/v1/status`)
    return ((await response.json()) as { recompress: Record<string, unknown> }).recompress
  }
  await expect.poll(report).toMatchObject({ isOn: false, done: 0, running: 0, queued: 4 })
  expect(String((await report()).reason)).toContain('recompress.enabled')
})
