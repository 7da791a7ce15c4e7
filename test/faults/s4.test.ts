import { createHash } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { describe, expect } from 'vitest'
import { formatDigest, formatHash, type Hash } from '../../src/nix/hash.ts'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { requestRaw } from '../support/raw-http.ts'
import { type SyntheticCache, syntheticCache } from '../support/synthetic-cache.ts'

const isNarinfo = /\.narinfo$/
const isNar = /^\/nar\//

/** The unsigned fields of another file, under the signature of this one. */
function pointAt(file: NarInfo) {
  const { url, fileHash, fileSize } = file
  return faults.edit((text) =>
    text
      .replace(/^URL: .*$/m, `URL: ${url}`)
      .replace(/^FileHash: .*$/m, `FileHash: ${fileHash && formatHash(fileHash)}`)
      .replace(/^FileSize: .*$/m, `FileSize: ${fileSize}`),
  )
}

/** Puts a file into the cache that unpacks to another path's NAR; its own hash is right. */
async function forge(cache: SyntheticCache, of: NarInfo): Promise<NarInfo> {
  const nar = await promisify(zstdDecompress)(await cache.bytesOf(of))
  const bytes = await promisify(zstdCompress)(nar, {
    params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  const fileHash: Hash = {
    algorithm: 'sha256',
    digest: createHash('sha256').update(bytes).digest(),
  }
  const url = `nar/${formatDigest(fileHash, 'nix32')}.nar.zst`
  await writeFile(join(cache.directory, url), bytes)
  return { ...of, url, fileHash, fileSize: bytes.length }
}

const kept = async ({ narwhal }: FaultStage) =>
  (await readdir(join(narwhal.dataDir, 'cache'))).filter((name) => isNarinfo.test(name))

describe('S4: an upstream that lies about what is not signed', () => {
  faultTest(
    'URL and FileHash of another file: nothing of it is published, and no client has it whole',
    { paths: 2, totalBytes: 800_000 },
    async (stage) => {
      const { upstream, cache, narwhal, info } = stage
      const swapped = cache.infos[0] as NarInfo
      upstream.script(`/${info.storePath.hash}.narinfo`, pointAt(swapped))
      // the narinfo itself cannot be known to lie; the NAR it leads to can
      await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
      const response = await requestRaw(`${narwhal.url}/${swapped.url}`)
      expect(response.status === 200 && response.end === 'clean').toBe(false)
      expect(await kept(stage)).toEqual([])
    },
  )

  faultTest(
    'the file itself is another: refetched from the next upstream, in the same request when it is small',
    { upstreams: 2, paths: 2, totalBytes: 60_000 },
    async (stage) => {
      const { upstream, cache } = stage
      const swapped = await cache.bytesOf(cache.infos[0] as NarInfo)
      await stage.narinfo()
      upstream.script(isNar, faults.body(swapped))
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
    },
  )

  const crowded = {
    ...{ upstreams: 2, paths: 3, totalBytes: 3_000_000 },
    env: { NARWHAL_RECOMPRESS_ENABLED: 'false' },
  }

  faultTest(
    'in a crowd: sent once at most, to a client that will refuse it; then removed, and fetched elsewhere',
    crowded,
    async (stage) => {
      await expectFoundOut(stage, await sendForgedInCrowd(stage))
    },
  )

  faultTest(
    'a moment after a crowd: whoever fetches one NAR then will fetch more, and unpacking can wait',
    crowded,
    async (stage) => {
      await expectFoundOut(stage, await sendForgedAfterCrowd(stage))
    },
  )

  faultTest(
    'in a crowd, and then the index is lost: what was not checked does not count as checked',
    crowded,
    async (stage) => {
      const url = await sendForgedInCrowd(stage)
      const { narwhal, info } = stage
      // The last byte leaves a moment before the file has its place.
      await expect.poll(() => kept(stage)).toContain(`${info.storePath.hash}.narinfo`)
      await narwhal.kill()
      for (const suffix of ['', '-wal', '-shm'])
        await rm(join(narwhal.dataDir, `index.sqlite${suffix}`), { force: true })
      await narwhal.restart()
      await narwhal.logged(/brought the index in step/)
      await expectFoundOut(stage, url)
    },
  )

  faultTest(
    'a store hash of ours with a path of its own: trust is per key',
    { upstreams: 2 },
    async (stage) => {
      const { upstream, info } = stage
      // the same paths, other contents, signed by a key nobody here believes
      const forged = await syntheticCache({ paths: 1, totalBytes: 50_000 })
      const name = `${info.storePath.hash}.narinfo`
      const forgery = { ...(forged.infos[0] as NarInfo), storePath: info.storePath, references: [] }
      await writeFile(join(forged.directory, name), printNarInfo(forgery))
      upstream.script(isNarinfo, faults.body(printNarInfo(forgery)))
      // oracle A: the text is the honest one
      expect((await stage.narinfo()).status).toBe(200)
      expect((await stage.nar()).status).toBe(200)
    },
  )
})

/** Lets a client have a forged file while narwhal is busy with another. @returns its URL */
async function sendForgedInCrowd(stage: FaultStage): Promise<string> {
  const [other, third] = stage.cache.infos as [NarInfo, NarInfo]
  const end = await beginSlowly(stage, other)
  const url = await sendForged(stage, third)
  await end()
  return url
}

/** Lets a client have a forged file when two others have just been fetched at once. @returns its URL */
async function sendForgedAfterCrowd(stage: FaultStage): Promise<string> {
  const [other, third] = stage.cache.infos as [NarInfo, NarInfo]
  const end = await beginSlowly(stage, other)
  await stage.narinfo(third)
  expect((await stage.get(`/${third.url}`)).end).toBe('clean')
  await end()
  return sendForged(stage, third)
}

/** Has a NAR fetched that stops after its first bytes. @returns what lets it go on to its end */
async function beginSlowly(stage: FaultStage, info: NarInfo): Promise<() => Promise<void>> {
  const { upstream } = stage
  const gate = Promise.withResolvers<void>()
  upstream.script(`/${info.url}`, faults.pauseAfter(1000, gate.promise))
  await stage.narinfo(info)
  const answer = stage.get(`/${info.url}`)
  await expect.poll(() => upstream.count(`/${info.url}`)).toBe(1)
  return async () => {
    gate.resolve()
    expect((await answer).end).toBe('clean')
  }
}

/** Lets a client have a file in the place of its own that unpacks to another path's NAR. @returns its URL */
async function sendForged({ cache, narwhal, info, upstream }: FaultStage, of: NarInfo) {
  const forged = await forge(cache, of)
  upstream.script(`/${info.storePath.hash}.narinfo`, pointAt(forged), { times: 1 })
  await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
  const url = `/${forged.url}`
  expect(await requestRaw(narwhal.url + url)).toMatchObject({ status: 200, end: 'clean' })
  return url
}

/** Asked for again when nothing else is under way, it is unpacked beside the request. */
async function expectFoundOut(stage: FaultStage, url: string): Promise<void> {
  const { narwhal, info } = stage
  const askAgain = async () => {
    await requestRaw(narwhal.url + url)
    return narwhal.stderr
  }
  await expect.poll(askAgain, { interval: 100 }).toMatch(/removed nar\//)
  await expect.poll(() => kept(stage)).not.toContain(`${info.storePath.hash}.narinfo`)
  expect((await stage.narinfo()).status).toBe(200)
  expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
}
