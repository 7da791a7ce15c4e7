import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeClosure } from '../../src/cli/demo/closure.ts'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { generateSecretKey, signText } from '../../src/nix/signature.ts'
import { parseBaseName } from '../../src/nix/store-path.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { dataDirOf } from '../support/data-dir.ts'
import { expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import * as faults from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'
import { main, runCommand } from './run-command.ts'

const env = { NARWHAL_LIMITS_PATIENCE: '300ms' }

/** A cache whose last path has a twin: another path with the same NAR. */
async function cacheWithTwin() {
  const directory = await tempDir('cache')
  const secretKey = generateSecretKey('synthetic-1')
  const closure = await writeClosure({ directory, secretKey, paths: 8, totalBytes: 800_000 })
  const last = closure.infos.at(-1) as NarInfo
  const storePath = parseBaseName(`${'1'.repeat(32)}-twin`)
  const signatures = [signText(fingerprint({ ...last, storePath }), secretKey)]
  const twin = { ...last, storePath, signatures }
  await writeFile(join(directory, narinfoOf(twin)), printNarInfo(twin))
  return {
    ...closure,
    directory,
    twin,
    bytesOf: (info: NarInfo) => readFile(join(directory, info.url)),
  }
}

async function prepared() {
  const cache = await cacheWithTwin()
  const upstream = await startFakeUpstream(cache.directory)
  const dataDir = await dataDirOf(cache)
  const trust = ['--upstream', upstream.url, '--trusted-key', cache.publicKey]
  const args = ['verify', '--data-dir', dataDir, ...trust]
  // the first run brings the index in step
  await runCommand(args)
  const verify = async (...more: string[]) => {
    const { code, stdout, stderr } = await runCommand([...args, '--json', ...more], { env })
    return { code, stderr, ...JSON.parse(stdout) }
  }
  const at = (file: string) => join(dataDir, 'cache', file)
  return {
    ...{ cache, upstream, dataDir, verify, args, at },
    async flip(file: string) {
      const bytes = await readFile(at(file))
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
      await writeFile(at(file), bytes)
    },
    isThere: async (info: NarInfo) => {
      const names = [...(await readdir(at('.'))), ...(await readdir(at('nar')))]
      return [narinfoOf(info), info.url.replace('nar/', '')].map((name) => names.includes(name))
    },
    async expectAsAtOrigin(infos: readonly NarInfo[]) {
      for (const info of infos) {
        expect((await readFile(at(info.url))).equals(await cache.bytesOf(info))).toBe(true)
        expect(await readFile(at(narinfoOf(info)), 'utf8')).toBe(printNarInfo(info))
      }
    },
  }
}

test('finds nothing wrong with a sound cache', async () => {
  const { verify } = await prepared()
  expect(await verify()).toMatchObject({ code: 0, damaged: 0, findings: [], isComplete: true })
})

test('names what is flipped, cut, gone, empty, misnamed or forged', async () => {
  const { cache, verify, at, flip } = await prepared()
  const [flipped, cut, gone, forged, stranger] = cache.infos as NarInfos
  await flip(flipped.url)
  await truncate(at(cut.url), 100)
  await rm(at(gone.url))
  const forgery = await readFile(at(narinfoOf(forged)), 'utf8')
  await writeFile(at(narinfoOf(forged)), forgery.replace(/NarSize: \d/, 'NarSize: 9'))
  await rm(at(narinfoOf(stranger)))
  await writeFile(at('nar/notes.txt'), 'mine')

  const found = await verify()
  expect(found).toMatchObject({ code: 1, repaired: 0, lost: 0, unreachable: 0 })
  const byFile = new Map<string, string>(found.findings.map(told))
  expect(byFile.get(flipped.url)).toMatch(/^damaged: has hash/)
  expect(byFile.get(cut.url)).toMatch(/^damaged: has 100 bytes/)
  expect(byFile.get(gone.url)).toMatch(/^damaged: ENOENT/)
  expect(byFile.get(narinfoOf(forged))).toMatch(/^untrusted: .*wrong signature/)
  expect(byFile.get(stranger.url)).toMatch(/^orphan/)
  expect(byFile.get('nar/notes.txt')).toMatch(/^foreign/)
})

test('--repair fetches what is flipped, cut, gone or garbled again, and touches nothing else', async () => {
  const { cache, upstream, dataDir, verify, at, flip, expectAsAtOrigin } = await prepared()
  const [flipped, cut, gone, garbled, stranger] = cache.infos as NarInfos
  await flip(flipped.url)
  await truncate(at(cut.url), 100)
  await rm(at(gone.url))
  await writeFile(at(narinfoOf(garbled)), 'garbled')
  await flip(garbled.url)
  await rm(at(narinfoOf(stranger)))
  await flip(stranger.url)
  await writeFile(at('nar/notes.txt'), 'mine')

  const found = await verify('--repair')
  expect(found).toMatchObject({ code: 0, damaged: 5, repaired: 5, lost: 0, unreachable: 0 })
  expect(upstream.count(/^\/nar\//)).toBe(5)
  await expectAsAtOrigin([flipped, cut, gone, garbled])
  expect(await readFile(at('nar/notes.txt'), 'utf8')).toBe('mine')
  await rm(at('nar/notes.txt'))
  expect(await verify()).toMatchObject({ code: 0, damaged: 0 })
  await expectSoundDataDir(dataDir)
})

test('a damaged NAR of two paths is told once, fetched once, and back for both', async () => {
  const { cache, upstream, verify, flip, expectAsAtOrigin } = await prepared()
  await flip(cache.twin.url)
  expect(await verify()).toMatchObject({ code: 1, damaged: 1 })
  const found = await verify('--repair')
  expect(found).toMatchObject({ code: 0, damaged: 1, repaired: 1 })
  expect(upstream.count(/^\/nar\//)).toBe(1)
  await expectAsAtOrigin([cache.twin, cache.infos.at(-1) as NarInfo])
})

test('a NAR that no narinfo promises is fetched again by its name', async () => {
  const { cache, verify, at, flip, dataDir } = await prepared()
  const [orphan] = cache.infos as NarInfos
  await rm(at(narinfoOf(orphan)))
  // without an index nobody here knows what path it is of
  await rm(join(dataDir, 'index.sqlite'))
  await flip(orphan.url)
  expect(await verify('--repair')).toMatchObject({ code: 0, damaged: 1, repaired: 1 })
  expect((await readFile(at(orphan.url))).equals(await cache.bytesOf(orphan))).toBe(true)
})

test('a damaged NAR that no narinfo promises and no upstream has is lost, not out of reach', async () => {
  const { cache, upstream, verify, at, flip, dataDir, isThere } = await prepared()
  const [orphan] = cache.infos as NarInfos
  await rm(at(narinfoOf(orphan)))
  await rm(join(dataDir, 'index.sqlite'))
  await flip(orphan.url)
  upstream.script(`/${orphan.url}`, faults.status(404))
  expect(await verify('--repair')).toMatchObject({ code: 1, damaged: 1, lost: 1, unreachable: 0 })
  expect(await isThere(orphan)).toEqual([false, false])
})

test('a NAR that is gone is missed and fetched again, also where the index was lost', async () => {
  const { cache, verify, at, dataDir, expectAsAtOrigin } = await prepared()
  await rm(at(cache.twin.url))
  await rm(join(dataDir, 'index.sqlite'))
  const found = await verify('--repair')
  expect(found).toMatchObject({ code: 0, damaged: 1, repaired: 1 })
  await expectAsAtOrigin([cache.twin, cache.infos.at(-1) as NarInfo])
})

test('what no upstream has is lost, what is out of reach is deleted and comes when asked for', async () => {
  const { cache, upstream, dataDir, verify, flip, isThere } = await prepared()
  const [lost, away, ...sound] = cache.infos as NarInfos
  await flip(lost.url)
  await flip(away.url)
  upstream.script(`/${lost.url}`, faults.status(404))
  const sick = upstream.script(`/${away.url}`, faults.status(500))

  const found = await verify('--repair')
  expect(found).toMatchObject({ code: 1, damaged: 2, repaired: 0, lost: 1, unreachable: 1 })
  const ends = new Map(found.findings.map(({ file, outcome }: Told) => [file, outcome]))
  expect(ends.get(lost.url)).toBe('lost')
  expect(ends.get(away.url)).toBe('unreachable')
  expect(await isThere(lost)).toEqual([false, false])
  expect(await isThere(away)).toEqual([false, false])
  expect(await isThere(sound[0])).toEqual([true, true])
  await expectSoundDataDir(dataDir)

  sick.stop()
  const narwhal = await startNarwhal({
    ...{ upstreams: [upstream.url], trustedKeys: [cache.publicKey], dataDir },
  })
  const answer = await requestRaw(`${narwhal.url}/${away.url}`)
  expect(answer.body.equals(await cache.bytesOf(away))).toBe(true)
})

test('a narinfo that is damaged comes back from the index while all upstreams are away', async () => {
  const cache = await syntheticCache({ paths: 1, totalBytes: 100_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const [info] = cache.infos as [NarInfo]
  // one that came through the server: the index knows what its upstream said
  await using narwhal = await startNarwhal({
    ...{ upstreams: [upstream.url], trustedKeys: [cache.publicKey] },
  })
  const { dataDir, url } = narwhal
  await expectServed(url, cache, info)
  await narwhal.stop()
  await upstream.down()
  const file = join(dataDir, 'cache', narinfoOf(info))
  await writeFile(file, 'garbled')
  const trust = ['--upstream', upstream.url, '--trusted-key', cache.publicKey]
  const args = ['verify', '--repair', '--json', '--data-dir', dataDir, ...trust]
  const { code, stdout } = await runCommand(args, { env })
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, damaged: 1, repaired: 1 })
  expect(await readFile(file, 'utf8')).toBe(printNarInfo(info))
})

test('a narinfo that is damaged and out of reach goes, and its sound NAR stays', async () => {
  const { cache, upstream, dataDir, verify, at, isThere } = await prepared()
  const [info] = cache.infos as NarInfos
  await writeFile(at(narinfoOf(info)), 'garbled')
  await rm(join(dataDir, 'index.sqlite'))
  await upstream.down()
  const found = await verify('--repair')
  expect(found).toMatchObject({ code: 1, damaged: 1, lost: 0, unreachable: 1 })
  expect(await isThere(info)).toEqual([false, true])
})

test('a repair that is interrupted is gone on with', async () => {
  const { cache, upstream, dataDir, args, verify, flip, expectAsAtOrigin } = await prepared()
  const damaged = cache.infos.slice(0, 3)
  for (const { url } of damaged) await flip(url)
  const gate = Promise.withResolvers<void>()
  atTestEnd(() => gate.resolve())
  const held = upstream.script(/^\/nar\//, faults.pauseAfter(1000, gate.promise))
  const child = spawn(process.execPath, [main, ...args, '--repair'], {
    ...{ env: { PATH: process.env.PATH ?? '' }, stdio: 'ignore' },
  })
  const ended = once(child, 'exit')
  await expect.poll(() => held.hits).toBe(1)
  child.kill('SIGINT')
  expect(await ended).toEqual([1, null])
  expect(await readdir(dataDir)).toContain('verify.cursor')

  held.stop()
  const rest = await verify('--repair', '--continue')
  expect(rest).toMatchObject({ code: 0, damaged: 3, repaired: 3, isComplete: true })
  await expectAsAtOrigin(damaged)
  expect(await readdir(dataDir)).not.toContain('verify.cursor')
})

test('what was repaired already when a run was killed stays, also while all upstreams are away', async () => {
  const { cache, upstream, dataDir, verify, flip, expectAsAtOrigin } = await prepared()
  const [info] = cache.infos as NarInfos
  const { url, storePath } = info
  await flip(url)
  const [finding] = (await verify('--repair')).findings
  const pending = [{ ...finding, nar: url.slice(4), narinfos: [storePath.hash] }]
  await writeFile(join(dataDir, 'verify.cursor'), `\n${JSON.stringify(pending)}`)
  await upstream.down()
  const rest = await verify('--repair', '--continue')
  expect(rest).toMatchObject({ code: 0, damaged: 1, repaired: 1, isComplete: true })
  await expectAsAtOrigin([info])
})

test('goes on where an interrupted run stopped', async () => {
  const { cache, dataDir, verify } = await prepared()
  const all = await verify()
  const names = cache.infos.map(narinfoOf).sort()
  await writeFile(join(dataDir, 'verify.cursor'), names.at(-2) ?? '')
  const rest = await verify('--continue')
  expect(rest.files).toBe(all.files)
  expect(rest.bytes).toBeLessThan(all.bytes)
  expect(await readdir(dataDir)).not.toContain('verify.cursor')
})

test('says what to do while a server has the directory, and where there is none', async () => {
  const { cache, dataDir, args } = await prepared()
  await startNarwhal({ upstreams: ['http://127.0.0.1:9'], trustedKeys: [cache.publicKey], dataDir })
  const inUse = await runCommand(args)
  expect(inUse.code).toBe(3)
  expect(inUse.stderr).toMatch(/a narwhal is using .*\n.*Stop the server/)
  const nowhere = await runCommand(['verify', '--data-dir', join(dataDir, 'nowhere')])
  expect(nowhere.code).toBe(3)
  expect(nowhere.stderr).toMatch(/no data directory/)
})

type NarInfos = [NarInfo, NarInfo, NarInfo, NarInfo, NarInfo, ...NarInfo[]]
type Told = Readonly<Record<'file' | 'outcome', string>>

function narinfoOf({ storePath }: NarInfo): string {
  return `${storePath.hash}.narinfo`
}

function told({ file, kind, why }: Record<'file' | 'kind' | 'why', string>) {
  return [file, `${kind}: ${why}`] as const
}
