import { once } from 'node:events'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { type NarInfo, parseNarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { formatSignature, generateSecretKey, signText } from '../../src/nix/signature.ts'
import { MiB } from '../../src/units.ts'
import { runCommand } from '../cli/run-command.ts'
import { atRest } from '../support/at-rest.ts'
import { expectServed } from '../support/expect-served.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir, expectTruth } from '../support/oracles.ts'
import { parseScrape } from '../support/prometheus.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { basic, uploadStage } from '../support/upload-stage.ts'

const marks = (dataDir: string) => readdir(join(dataDir, 'origin'))
const nars = (dataDir: string) => readdir(join(dataDir, 'cache', 'nar'))

describe('what is pushed', () => {
  test('is served at once, as it was pushed, and after a restart', async () => {
    const stage = await uploadStage()
    const path = `/${stage.info.storePath.hash}.narinfo`
    // A client that asks first has it remembered as absent.
    expect((await stage.get(path)).status).toBe(404)
    expect((await stage.get(`/${stage.info.url}`, { method: 'HEAD' })).status).toBe(404)
    for (const info of stage.cache.infos) expect(await stage.push(info)).toEqual([201, 201])
    const { body, status } = await stage.get(path)
    expect([status, body.toString()]).toEqual([200, printNarInfo(stage.info)])
    expect((await stage.get(`/${stage.info.url}`, { method: 'HEAD' })).status).toBe(200)
    await stage.narwhal.restart()
    for (const info of stage.cache.infos) await expectServed(stage.narwhal.url, stage.cache, info)
    await stage.narwhal.stop()
    await expectSoundDataDir(stage.narwhal.dataDir)
    expect(await marks(stage.narwhal.dataDir)).toHaveLength(3)
  })

  test('is signed by our key where no believed key has signed it, and only then', async () => {
    const trusted = await uploadStage({ signs: true })
    const foreign = await uploadStage({ signs: true, isTrusted: false })
    const signers = async (stage: typeof trusted) => {
      expect(await stage.push()).toEqual([201, 201])
      const { body } = await stage.get(`/${stage.info.storePath.hash}.narinfo`)
      return parseNarInfo(body).signatures.map(({ keyName }) => keyName)
    }
    expect(await signers(trusted)).toEqual(['synthetic-1'])
    expect(await signers(foreign)).toEqual(['synthetic-1', 'own-1'])
    expect((await foreign.get('/')).body.toString()).toContain(foreign.ownKey)
  })

  test('is refused where no believed key has signed it and there is none to sign with', async () => {
    const stage = await uploadStage({ isTrusted: false })
    const [nar, narinfo] = await stage.push()
    expect([nar, narinfo]).toEqual([201, 403])
  })

  test('gains signatures when it is pushed again with more of them', async () => {
    const stage = await uploadStage()
    await stage.push()
    const other = generateSecretKey('other-1')
    const more = [...stage.info.signatures, signText(fingerprint(stage.info), other)]
    // As `nix store sign` does: without the NAR.
    expect((await stage.pushNarinfo(stage.info, { signatures: more })).status).toBe(200)
    const { body } = await stage.get(`/${stage.info.storePath.hash}.narinfo`)
    expect(parseNarInfo(body).signatures.map(formatSignature)).toEqual(more.map(formatSignature))
    expect((await stage.pushNarinfo()).status).toBe(200)
  })

  test('may come in chunks, of unknown length', async () => {
    const stage = await uploadStage({ pushed: { totalBytes: 3_000_000 } })
    const authorization = `Bearer ${stage.token}`
    const { status } = await fetch(`${stage.narwhal.url}/${stage.info.url}`, {
      ...{ method: 'PUT', headers: { authorization }, duplex: 'half' },
      body: new Blob([stage.bytes]).stream(),
    })
    expect(status).toBe(201)
    expect((await stage.pushNarinfo()).status).toBe(201)
  })

  test('is served at once where another configuration was read in the middle of it', async () => {
    const stage = await uploadStage()
    const { info, narwhal } = stage
    await stage.pushNar()
    const path = `/${info.storePath.hash}.narinfo`
    const text = printNarInfo(info)
    const head = [`PUT ${path} HTTP/1.1`, 'Host: x', basic(stage.token), 'Connection: close']
    const socket = connect(narwhal.port, '127.0.0.1')
    socket.write(`${head.join('\r\n')}\r\nExpect: 100-continue\r\n`)
    socket.write(`Content-Length: ${text.length}\r\n\r\n`)
    await once(socket, 'data')
    narwhal.signal('SIGHUP')
    await narwhal.logged(/reloaded the configuration/)
    expect((await stage.get(path)).status).toBe(404)
    socket.write(text)
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 201 /)
    expect((await stage.get(path)).body.toString()).toBe(text)
  })

  test('and has no NAR of its own because an upstream has the same is fetched from there', async () => {
    const stage = await uploadStage({ upstream: 'pushed' })
    const { cache, narwhal, upstream } = stage
    const [one, two] = cache.infos as [NarInfo, NarInfo]
    // A client that finds the NAR by HEAD sends its narinfo only.
    expect((await stage.get(`/${one.url}`, { method: 'HEAD' })).status).toBe(200)
    expect((await stage.pushNarinfo(one)).status).toBe(201)
    // The NAR that HEAD has found may be gone again.
    expect((await stage.pushNarinfo(two)).status).toBe(201)
    await upstream.down()
    for (const info of [one, two]) await expectServed(narwhal.url, cache, info)
    expect(await marks(narwhal.dataDir)).toHaveLength(2)
    await narwhal.stop()
    await expectSoundDataDir(narwhal.dataDir)
  })

  test('and is here from an upstream already becomes what was pushed', async () => {
    const stage = await uploadStage({ upstream: 'pushed' })
    await expectServed(stage.narwhal.url, stage.cache, stage.info)
    await atRest(stage.narwhal)
    expect(await nars(stage.narwhal.dataDir)).toHaveLength(1)
    expect(await marks(stage.narwhal.dataDir)).toEqual([])
    expect(await stage.push()).toEqual([201, 200])
    expect(await marks(stage.narwhal.dataDir)).toHaveLength(1)
    await stage.narwhal.stop()
    await expectSoundDataDir(stage.narwhal.dataDir)
  })
})

describe('what was pushed stays', () => {
  test('when the cache is full, also with an index that was lost', async () => {
    const fetched = await syntheticCache({ paths: 12, totalBytes: 9 * MiB, compression: 'none' })
    const stage = await uploadStage({
      pushed: { paths: 1, totalBytes: MiB, compression: 'none' },
      upstream: fetched.directory,
      trustedKey: fetched.publicKey,
      signs: true,
      env: { NARWHAL_CACHE_MAX_SIZE: '3MiB' },
    })
    const { upstream } = stage
    expect((await stage.pushNar()).status).toBe(201)
    expect((await stage.pushNarinfo(stage.info, { signatures: [] })).status).toBe(201)
    const fetchAll = async () => {
      for (const info of fetched.infos) await expectServed(stage.narwhal.url, fetched, info)
    }
    await fetchAll()
    await stage.narwhal.kill()
    for (const suffix of ['', '-wal', '-shm'])
      await rm(join(stage.narwhal.dataDir, `index.sqlite${suffix}`), { force: true })
    await stage.narwhal.restart()
    await fetchAll()
    expectTruth(await stage.get(`/${stage.info.url}`), stage.bytes)
    expect(upstream.count(`/${stage.info.url}`)).toBe(0)
    // What has come last may still wait to be synced.
    const scraped = async () => parseScrape((await stage.get('/metrics')).body.toString())
    await expect
      .poll(async () => (await scraped()).value('narwhal_evictions_total'))
      .toBeGreaterThan(0)
    const originBytes = (await scraped()).value('narwhal_cache_origin_bytes')
    expect(originBytes).toBe(stage.bytes.length)
    await stage.narwhal.stop()
    await expectSoundDataDir(stage.narwhal.dataDir, { maxBytes: 3 * MiB })

    const gc = (...args: string[]) =>
      runCommand(['gc', '--data-dir', stage.narwhal.dataDir, '--json', '--max-size', '1B', ...args])
    await gc()
    expect(await nars(stage.narwhal.dataDir)).toEqual([stage.info.url.replace('nar/', '')])
    const left = JSON.parse((await gc('--origin')).stdout)
    expect(left).toMatchObject({ keptBytes: 0, nars: [{ bytes: stage.bytes.length }] })
    expect(await nars(stage.narwhal.dataDir)).toEqual([])
    await expectSoundDataDir(stage.narwhal.dataDir)
    await stage.narwhal.restart()
    const gone = await stage.get(`/${stage.info.storePath.hash}.narinfo`)
    expect(gone.status).toBe(404)
  })

  test('because of its mark alone, whatever the index says', async () => {
    const cache = await syntheticCache({ paths: 12, totalBytes: 9 * MiB, compression: 'none' })
    const stage = await uploadStage({
      upstream: cache.directory,
      trustedKey: cache.publicKey,
      env: { NARWHAL_CACHE_MAX_SIZE: '3MiB' },
    })
    const { narwhal } = stage
    const [first, ...others] = cache.infos as [NarInfo, ...NarInfo[]]
    await expectServed(narwhal.url, cache, first)
    await expect.poll(() => nars(narwhal.dataDir)).toHaveLength(1)
    expect(await narwhal.stop()).toBe(0)
    const file = first.url.replace('nar/', '')
    await writeFile(join(narwhal.dataDir, 'origin', file), '')
    await narwhal.restart()
    for (const info of others) await expectServed(narwhal.url, cache, info)
    await expect.poll(async () => (await nars(narwhal.dataDir)).length).toBeGreaterThan(1)
    expect(await nars(narwhal.dataDir)).toContain(file)
    await narwhal.stop()
    await expectSoundDataDir(narwhal.dataDir, { maxBytes: 3 * MiB })
  })

  test('when it takes all the room there is: then nothing else is kept, and no more taken', async () => {
    const stage = await uploadStage({
      pushed: { paths: 6, totalBytes: 4 * MiB, compression: 'none' },
      env: { NARWHAL_CACHE_MAX_SIZE: '2MiB' },
    })
    const statuses: number[] = []
    for (const info of stage.cache.infos) {
      const { status } = await stage.pushNar(info)
      statuses.push(status)
      if (status === 201) expect((await stage.pushNarinfo(info)).status).toBe(201)
    }
    // Its body was read: a status that Nix does not try again.
    expect(new Set(statuses)).toEqual(new Set([201, 507]))
    for (const [at, info] of stage.cache.infos.entries())
      if (statuses[at] === 201) await expectServed(stage.narwhal.url, stage.cache, info)
    await stage.narwhal.stop()
    await expectSoundDataDir(stage.narwhal.dataDir, { maxBytes: 2 * MiB })
  })

  test('where it is damaged: then it is served no more, but set aside, and may be pushed again', async () => {
    const stage = await uploadStage()
    const { info, narwhal, bytes } = stage
    await stage.push()
    const file = info.url.replace('nar/', '')
    await truncate(join(narwhal.dataDir, 'cache', 'nar', file), 1000)
    expect((await stage.get(`/${info.url}`)).status).toBe(404)
    expect((await stage.get(`/${info.storePath.hash}.narinfo`)).status).toBe(404)
    await narwhal.logged(/it was pushed here: push it again/)
    const aside = await readFile(join(narwhal.dataDir, 'quarantine', file))
    expect(aside.equals(bytes.subarray(0, 1000))).toBe(true)
    expect(await marks(narwhal.dataDir)).toEqual([])
    expect(await stage.push()).toEqual([201, 201])
    await expectServed(narwhal.url, stage.cache, info)
    await narwhal.stop()
    await expectSoundDataDir(narwhal.dataDir)
  })

  test('whatever an upstream says of the same path later', async () => {
    const stage = await uploadStage({ signs: true })
    const [one, two] = stage.cache.infos as [NarInfo, NarInfo]
    expect(await stage.push(one)).toEqual([201, 201])
    const lie = { ...two, storePath: one.storePath }
    expect(await stage.pushNar(two).then(({ status }) => status)).toBe(201)
    expect((await stage.pushNarinfo(one, lie)).status).toBe(400)
    await expectServed(stage.narwhal.url, stage.cache, one)
  })
})

describe('DELETE', () => {
  test('takes a path away, narinfo, NAR and listing, and only with a token', async () => {
    const stage = await uploadStage()
    const { info, narwhal } = stage
    const path = `/${info.storePath.hash}.narinfo`
    const listing = `/${info.storePath.hash}.ls`
    await stage.push()
    await stage.put(listing, '{"version":1,"root":{"type":"regular","size":1}}')
    expect((await stage.delete(path, '')).status).toBe(401)
    expect((await stage.delete(path)).status).toBe(204)
    expect((await stage.delete(path)).status).toBe(404)
    for (const gone of [path, listing, `/${info.url}`])
      expect((await stage.get(gone)).status).toBe(404)
    expect((await stage.delete(`/${info.url}`)).status).toBe(405)
    expect(await nars(narwhal.dataDir)).toEqual([])
    // Now the path may be another one.
    expect(await stage.push()).toEqual([201, 201])
    await narwhal.stop()
    await expectSoundDataDir(narwhal.dataDir)
  })

  test('leaves a NAR that belongs to another path too', async () => {
    const stage = await uploadStage({ signs: true, isTrusted: false })
    const [one, two] = stage.cache.infos as [NarInfo, NarInfo]
    const twin: NarInfo = { ...one, storePath: two.storePath, references: [], signatures: [] }
    expect(await stage.push(one)).toEqual([201, 201])
    expect((await stage.pushNarinfo(twin)).status).toBe(201)
    expect((await stage.delete(`/${one.storePath.hash}.narinfo`)).status).toBe(204)
    expectTruth(await stage.get(`/${twin.url}`), await stage.cache.bytesOf(one))
    expect(await marks(stage.narwhal.dataDir)).toHaveLength(1)
    expect((await stage.delete(`/${two.storePath.hash}.narinfo`)).status).toBe(204)
    expect(await marks(stage.narwhal.dataDir)).toEqual([])
  })
})

test('a path pushed while another one with the same NAR is deleted has its NAR', async () => {
  const stage = await uploadStage({ signs: true, isTrusted: false })
  const [one, two] = stage.cache.infos as [NarInfo, NarInfo]
  const twin: NarInfo = { ...one, storePath: two.storePath, references: [], signatures: [] }
  const bytes = await stage.cache.bytesOf(one)
  for (let round = 0; round < 10; round += 1) {
    await stage.push(one)
    await stage.pushNar(one)
    const [pushed, deleted] = await Promise.all([
      stage.pushNarinfo(twin),
      stage.delete(`/${one.storePath.hash}.narinfo`),
    ])
    expect([pushed.status, deleted.status]).toEqual([201, 204])
    expectTruth(await stage.get(`/${twin.url}`), bytes)
    expect(await marks(stage.narwhal.dataDir)).toHaveLength(1)
    expect((await stage.delete(`/${two.storePath.hash}.narinfo`)).status).toBe(204)
    expect(await nars(stage.narwhal.dataDir)).toEqual([])
  }
  await stage.narwhal.stop()
  await expectSoundDataDir(stage.narwhal.dataDir)
})

describe('what goes with paths', () => {
  const drv = `${'a'.repeat(32)}-gtk+-3.24=x.drv`
  const id = `sha256:${'a'.repeat(64)}!out`
  const realisation = JSON.stringify({
    ...{ dependentRealisations: {}, id, outPath: `${'b'.repeat(32)}-x`, signatures: [] },
  })
  const listing = '{"version":1,"root":{"type":"directory","entries":{}}}'

  test.each([
    [`/${'c'.repeat(32)}.ls`, listing, 'application/json'],
    [`/log/${drv}`, 'building\n\u00e9\n', 'text/plain; charset=utf-8'],
    [`/realisations/${id}.doi`, realisation, 'application/json'],
    [`/build-trace-v2/${'d'.repeat(32)}-x.drv/out.doi`, '{}', 'application/json'],
    [`/debuginfo/${'e1'.repeat(20)}`, '{"archive":"../nar/x","member":"y"}', 'application/json'],
    [`/debuginfo/${'e2'.repeat(20)}.debug`, '{}', 'application/json'],
  ])('%s is taken, served, and packed or not', async (path, text, type) => {
    const stage = await uploadStage()
    expect((await stage.get(path)).status).toBe(404)
    expect((await stage.put(path, text, { token: '' })).status).toBe(401)
    expect((await stage.put(path, text)).status).toBe(201)
    for (const method of ['GET', 'HEAD']) {
      const { status, body, header } = await stage.get(path, { method })
      expect([status, header('content-type')]).toEqual([200, type])
      expect(header('content-length')).toBe(String(Buffer.from(text).length))
      expect(body.toString()).toBe(method === 'GET' ? text : '')
    }
    for (const [encoding, pack] of [
      ['br', brotliCompressSync],
      ['gzip', gzipSync],
    ] as const) {
      const headers = [`Content-Encoding: ${encoding}`]
      expect((await stage.put(path, pack(text), { headers })).status).toBe(201)
      expect((await stage.put(path, text, { headers })).status).toBe(400)
      expect((await stage.get(path)).body.toString()).toBe(text)
    }
    await stage.narwhal.stop()
    await expectSoundDataDir(stage.narwhal.dataDir)
  })

  test.each([
    [`/${'c'.repeat(32)}.ls`, '{"version":2}', 400],
    [`/realisations/${id}.doi`, '{}', 400],
    [`/realisations/sha256:${'b'.repeat(64)}!out.doi`, realisation, 400],
    [`/debuginfo/${'e1'.repeat(20)}`, 'x', 400],
    ['/debuginfo/../index.sqlite', '{}', 404],
    ['/log/../x', 'x', 404],
    [`/log/${'a'.repeat(32)}-%2e%2e`, 'x', 404],
    ['/log/x', 'x', 404],
    [`/log/${drv}/x`, 'x', 404],
    ['/nix-cache-info', 'StoreDir: /other/store\n', 400],
    ['/metrics', 'x', 405],
    ['/', 'x', 405],
    [`/nar/${'a'.repeat(32)}-${'0'.repeat(52)}.nar`, 'x', 400],
    ['/nar/x', 'x', 404],
  ])('%s with %s is refused with %i', async (path, text, status) => {
    const stage = await uploadStage()
    expect((await stage.put(path, text)).status).toBe(status)
    await stage.narwhal.stop()
    await expectSoundDataDir(stage.narwhal.dataDir)
  })

  test('what may be neither pushed nor deleted says what else there is', async () => {
    for (const hasTokens of [true, false]) {
      const stage = await uploadStage({ hasTokens })
      for (const answer of [
        await stage.put('/metrics', 'x'),
        await stage.delete(`/${stage.info.url}`),
      ])
        expect([answer.status, answer.header('allow')]).toEqual([405, 'GET, HEAD'])
    }
  })

  test('a nix-cache-info is held against ours, also where it names no store', async () => {
    const stage = await uploadStage()
    const put = async (text: string) => {
      const { status, body } = await stage.put('/nix-cache-info', text)
      return [status, body.toString()]
    }
    expect(await put('StoreDir: /nix/store\n')).toEqual([200, ''])
    const [nameless, otherStore] = [await put('Priority: 30\n'), await put('StoreDir: /x\n')]
    expect(nameless).toEqual([400, expect.stringMatching(/for \/nix\/store.* says no StoreDir/)])
    expect(otherStore).toEqual([400, expect.stringMatching(/for \/nix\/store.* is for \/x/)])
  })

  test('a bomb is not unpacked', async () => {
    const stage = await uploadStage()
    const bomb = gzipSync(Buffer.alloc(200 * MiB))
    const headers = ['Content-Encoding: gzip']
    const path = `/${stage.info.storePath.hash}`
    expect((await stage.put(`${path}.ls`, bomb, { headers })).status).toBe(413)
    expect((await stage.put(`${path}.narinfo`, bomb, { headers })).status).toBe(413)
    expect((await stage.put(`/${stage.info.url}`, stage.bytes, { headers })).status).toBe(400)
  })
})

test('a key that is withdrawn takes what it signed out of service, but not off the disk', async () => {
  const stage = await uploadStage()
  await stage.push()
  await stage.narwhal.stop()
  const restarted = await startNarwhal({
    upstreams: [stage.upstream.url],
    trustedKeys: ['none-1:eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg='],
    dataDir: stage.narwhal.dataDir,
  })
  const { status } = await requestRaw(`${restarted.url}/${stage.info.storePath.hash}.narinfo`)
  expect(status).toBe(404)
  expect(await nars(stage.narwhal.dataDir)).toHaveLength(1)
  const file = join(stage.narwhal.dataDir, 'cache', `${stage.info.storePath.hash}.narinfo`)
  expect(await readFile(file, 'utf8')).toBe(printNarInfo(stage.info))
})
