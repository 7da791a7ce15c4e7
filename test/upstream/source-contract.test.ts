import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import type { NarBody, Source } from '../../src/nix/source.ts'
import { type StoreHash, storePathSet } from '../../src/nix/store-path.ts'
import { silentLog } from '../../src/telemetry.ts'
import { directoryUpstream } from '../../src/upstream/directory.ts'
import { guarded } from '../../src/upstream/guarded.ts'
import { httpUpstream } from '../../src/upstream/http.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { type SyntheticCache, syntheticCache } from '../support/synthetic-cache.ts'

const absent = '0'.repeat(32) as StoreHash
const never = new AbortController().signal

interface Subject {
  readonly source: Source
  /** Makes the whole cache unable to answer. */
  readonly breakIt: () => Promise<void>
}

const kinds: Record<string, (cache: SyntheticCache) => Promise<Subject>> = {
  async http(cache) {
    const upstream = await startFakeUpstream(cache.directory)
    const source = httpUpstream({ name: 'up', url: upstream.url, maxConnections: 4 })
    return { source, breakIt: () => upstream.down() }
  },
  async guarded(cache) {
    const upstream = await startFakeUpstream(cache.directory)
    const http = httpUpstream({ name: 'up', url: upstream.url, maxConnections: 4 })
    const source = guarded(http, { log: silentLog, now: () => performance.now() })
    return { source, breakIt: () => upstream.down() }
  },
  async directory(cache) {
    const source = directoryUpstream('up', pathToFileURL(cache.directory).href)
    return { source, breakIt: () => rm(cache.directory, { recursive: true }) }
  },
}

/** References are a set: the order in which a cache writes them says nothing. */
function textOf(info: NarInfo | undefined): string | undefined {
  return info && printNarInfo({ ...info, references: storePathSet(info.references) })
}

async function bytesOf(body: NarBody | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body?.chunks ?? []) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe.each(Object.keys(kinds))('the %s source', (kind) => {
  async function subject() {
    const cache = await syntheticCache({ paths: 3, totalBytes: 300_000 })
    const made = await (kinds[kind] as (cache: SyntheticCache) => Promise<Subject>)(cache)
    return { ...made, cache, info: cache.infos[2] as NarInfo }
  }

  test('gives narinfos as the cache has them', async () => {
    const { source, info } = await subject()
    expect(textOf(await source.narinfo(info.storePath.hash, never))).toBe(textOf(info))
    await source.close()
  })

  test('gives the bytes of a NAR, from any offset, and says how long the whole is', async () => {
    const { source, info, cache } = await subject()
    const whole = await cache.bytesOf(info)
    for (const offset of [0, 1, whole.length - 1]) {
      const body = await source.nar({ url: info.url, offset }, never)
      expect(body?.size).toBe(whole.length)
      expect((await bytesOf(body)).equals(whole.subarray(offset))).toBe(true)
    }
    await source.close()
  })

  test('gives a part of a NAR, and says how long the whole is', async () => {
    const { source, info, cache } = await subject()
    const whole = await cache.bytesOf(info)
    for (const [offset, length] of [
      [0, 10],
      [1, 1],
      [whole.length - 5, 5],
    ] as const) {
      const body = await source.nar({ url: info.url, offset, length }, never)
      expect(body?.size).toBe(whole.length)
      expect((await bytesOf(body)).equals(whole.subarray(offset, offset + length))).toBe(true)
    }
    await source.close()
  })

  test('says undefined for what is certainly absent', async () => {
    const { source } = await subject()
    expect(await source.narinfo(absent, never)).toBeUndefined()
    expect(await source.nar({ url: 'nar/none.nar', offset: 0 }, never)).toBeUndefined()
    await source.close()
  })

  test('throws when it cannot know, and names itself', async () => {
    const { source, info, breakIt } = await subject()
    await breakIt()
    const unreachable = expect.objectContaining({
      code: 'UPSTREAM_UNREACHABLE',
      message: expect.stringMatching(/^up/),
    })
    await expect(source.narinfo(info.storePath.hash, never)).rejects.toEqual(unreachable)
    await expect(source.nar({ url: info.url, offset: 0 }, never)).rejects.toEqual(unreachable)
    await source.close()
  })

  test('refuses a damaged narinfo and one that leads elsewhere', async () => {
    const { source, info, cache } = await subject()
    const file = join(cache.directory, `${info.storePath.hash}.narinfo`)
    await writeFile(file, 'StorePath: nonsense\n')
    await expect(source.narinfo(info.storePath.hash, never)).rejects.toMatchObject({
      code: 'BAD_NARINFO',
    })
    const other = cache.infos[0] as NarInfo
    const honest = await source.narinfo(other.storePath.hash, never)
    expect(honest).toBeDefined()
    await expect(source.nar({ url: '../../etc/passwd', offset: 0 }, never)).rejects.toMatchObject({
      code: 'FOREIGN_URL',
    })
    await source.close()
  })

  test('ends a body that is not read to its end without harm', async () => {
    const { source, info } = await subject()
    const body = await source.nar({ url: info.url, offset: 0 }, never)
    for await (const chunk of body?.chunks ?? []) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
    expect(textOf(await source.narinfo(info.storePath.hash, never))).toBe(textOf(info))
    await source.close()
  })

  test('stops when told to', async () => {
    const { source, info } = await subject()
    const stopping = new AbortController()
    stopping.abort()
    await expect(source.narinfo(info.storePath.hash, stopping.signal)).rejects.toThrow()
    await source.close()
  })
})
