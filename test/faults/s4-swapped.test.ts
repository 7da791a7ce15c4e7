import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatHash } from '../../src/nix/hash.ts'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { runCommand } from '../cli/run-command.ts'
import { atRest } from '../support/at-rest.ts'
import { dataDirOf } from '../support/data-dir.ts'
import { expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import * as faults from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { requestRaw } from '../support/raw-http.ts'
import { type SyntheticCache, syntheticCache } from '../support/synthetic-cache.ts'
import { uploadStage } from '../support/upload-stage.ts'

const isNar = /^\/nar\//
const narinfoOf = ({ storePath }: NarInfo) => `${storePath.hash}.narinfo`

/** Two paths: the narinfo of the first, which comes first wherever they are listed, is to lie. */
function pairOf({ infos }: Pick<SyntheticCache, 'infos'>): readonly [NarInfo, NarInfo] {
  const [liar, honest] = infos.toSorted((a, b) => (a.storePath.hash < b.storePath.hash ? -1 : 1))
  if (!liar || !honest) throw new Error('no paths')
  return [liar, honest]
}

/** The liar's signed part, with what no signature covers of the other. */
function swapped(liar: NarInfo, { url, fileHash, fileSize = 0 }: NarInfo, isSizeRight: boolean) {
  return printNarInfo({ ...liar, url, fileHash, fileSize: isSizeRight ? fileSize : fileSize + 7 })
}

const sizes = [
  ['its FileSize', true],
  ['another FileSize', false],
] as const

/** A server that has had the narinfo of one path leading to the NAR of another. */
async function liedTo(isSizeRight: boolean) {
  const cache = await syntheticCache({ paths: 2, totalBytes: 600_000 })
  const [liar, honest] = pairOf(cache)
  const upstream = await startFakeUpstream(cache.directory)
  upstream.script(`/${narinfoOf(liar)}`, faults.body(swapped(liar, honest, isSizeRight)))
  const narwhal = await startNarwhal({
    ...{ upstreams: [upstream.url], trustedKeys: [cache.publicKey] },
    env: { NARWHAL_PREFETCH_NARINFOS: 'false' },
  })
  await requestRaw(`${narwhal.url}/${narinfoOf(liar)}`)
  return { cache, upstream, narwhal, honest }
}

describe('S4: a narinfo that leads to the NAR of another path', () => {
  test.for(sizes)('with %s: the other path is served, and kept', async ([, isSizeRight]) => {
    const { cache, upstream, narwhal, honest } = await liedTo(isSizeRight)
    await expectServed(narwhal.url, cache, honest)
    expect(upstream.count(isNar)).toBe(1)
    // The next who asks for it lets it be found out which of them it is of.
    await atRest(narwhal)
    await expectServed(narwhal.url, cache, honest)
    const standing = async () =>
      (await readdir(join(narwhal.dataDir, 'cache'))).filter((name) => name.endsWith('.narinfo'))
    await expect.poll(standing).toEqual([narinfoOf(honest)])
    expect(upstream.count(isNar)).toBe(1)
    await narwhal.stop()
    await expectSoundDataDir(narwhal.dataDir)
  })

  test('with another FileSize, and nothing else known of the other path: it fails once at most', async () => {
    const { cache, narwhal, honest } = await liedTo(false)
    // Clients remember its URL for a month.
    await requestRaw(`${narwhal.url}/${honest.url}`)
    await atRest(narwhal)
    const { status, body } = await requestRaw(`${narwhal.url}/${honest.url}`)
    expect([status, body.equals(await cache.bytesOf(honest))]).toEqual([200, true])
  })

  test.for(sizes)(
    'with %s: what was pushed stays where it is, also after the loss of the index',
    async ([, isSizeRight]) => {
      const pushed = { paths: 2, totalBytes: 200_000 }
      const stage = await uploadStage({ pushed, upstream: 'pushed' })
      const { cache, narwhal, upstream } = stage
      const [liar, honest] = pairOf(cache)
      const { dataDir } = narwhal
      expect(await stage.push(honest)).toEqual([201, 201])
      await narwhal.stop()
      await rm(join(dataDir, 'index.sqlite'))
      upstream.script(`/${narinfoOf(liar)}`, faults.body(swapped(liar, honest, isSizeRight)))
      const successor = await stage.successor()
      await successor.narwhal.logged(/brought the index in step/)
      expect((await successor.get(`/${narinfoOf(liar)}`)).status).toBe(200)
      await expectServed(successor.narwhal.url, cache, honest)
      // Dropped, it is asked for anew.
      const asked = async () => {
        upstream.forget()
        await successor.get(`/${narinfoOf(liar)}`)
        return upstream.count(`/${narinfoOf(liar)}`)
      }
      await expect.poll(asked).toBe(1)
      expect(await readdir(join(dataDir, 'origin'))).toEqual([honest.url.slice(4)])
      expect(await readdir(dataDir)).not.toContain('quarantine')
    },
  )

  test('with another FileSize, and beside its NAR: the index made anew drops it alone', async () => {
    const { cache, dataDir, liar, honest, upstream } = await besideIt()
    const narwhal = await startNarwhal({
      ...{ upstreams: [upstream.url], trustedKeys: [cache.publicKey], dataDir },
    })
    await narwhal.logged(/brought the index in step/)
    await expectServed(narwhal.url, cache, honest)
    expect(upstream.count(isNar)).toBe(0)
    await atRest(narwhal)
    expect(await readdir(join(dataDir, 'cache'))).not.toContain(narinfoOf(liar))
  })

  test('with another FileSize, and beside its NAR: verify --repair leaves that alone', async () => {
    const { cache, dataDir, liar, honest, upstream } = await besideIt()
    const trust = ['--upstream', upstream.url, '--trusted-key', cache.publicKey]
    const args = ['verify', '--json', '--data-dir', dataDir, ...trust]
    await runCommand(args)
    await writeFile(join(dataDir, 'cache', narinfoOf(liar)), swapped(liar, honest, true))
    const found = JSON.parse((await runCommand(args)).stdout)
    expect(found.findings).toMatchObject([{ kind: 'damaged', file: narinfoOf(liar) }])
    const { code, stdout } = await runCommand([...args, '--repair'])
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, damaged: 1, repaired: 1 })
    expect(upstream.count(`/${honest.url}`)).toBe(0)
    expect(await readFile(join(dataDir, 'cache', narinfoOf(liar)), 'utf8')).toBe(printNarInfo(liar))
    await expectSoundDataDir(dataDir)
  })
})

async function besideIt() {
  const cache = await syntheticCache({ paths: 2, totalBytes: 200_000 })
  const [liar, honest] = pairOf(cache)
  const upstream = await startFakeUpstream(cache.directory)
  const dataDir = await dataDirOf(cache)
  await rm(join(dataDir, 'cache', liar.url))
  await writeFile(join(dataDir, 'cache', narinfoOf(liar)), swapped(liar, honest, false))
  expect(formatHash(liar.narHash)).not.toBe(formatHash(honest.narHash))
  return { cache, dataDir, liar, honest, upstream }
}
