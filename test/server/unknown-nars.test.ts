import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MiB } from '../../src/units.ts'
import { atRest } from '../support/at-rest.ts'
import { dataDirOf } from '../support/data-dir.ts'
import { expectNar } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { parseScrape, type Scrape } from '../support/prometheus.ts'
import { type RequestOptions, requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

/** What nobody has and no narinfo has promised: a client asks so before it pushes a path. */
const unknown = `/nar/${'0'.repeat(52)}.nar.xz`

async function scrape(url: string): Promise<Scrape> {
  return parseScrape((await requestRaw(`${url}/metrics`)).body.toString())
}

const nars = (dataDir: string) => readdir(join(dataDir, 'cache', 'nar'))

test('a NAR that no narinfo promised and no upstream has is a no, and no fault', async () => {
  const cache = await syntheticCache({ paths: 1, totalBytes: 10_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
  })
  const questions: RequestOptions[] = [
    { method: 'HEAD' },
    { method: 'GET' },
    { headers: ['Range: bytes=0-9'] },
  ]
  for (const question of questions) {
    const { status, body } = await requestRaw(narwhal.url + unknown, question)
    const text = question.method === 'HEAD' ? '' : 'narwhal: no upstream has this NAR\n'
    expect([status, body.toString()]).toEqual([404, text])
  }
  expect(upstream.count(unknown)).toBeGreaterThan(0)
  const now = await scrape(narwhal.url)
  const counted = (result: string) => now.value('narwhal_requests_total', { kind: 'nar', result })
  expect([counted('negative'), counted('failed')]).toEqual([3, 0])
  await narwhal.stop()
  expect(narwhal.stderr).not.toMatch(/"level":[56]0/)
})

test('asking for it evicts nothing, however little room is left', async () => {
  // More than the 64 MiB that a file of unknown length is given room for.
  const cache = await syntheticCache({ paths: 4, totalBytes: 66 * MiB, compression: 'none' })
  const keptBytes = cache.infos.reduce((sum, { fileSize = 0 }) => sum + fileSize, 0)
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    dataDir: await dataDirOf(cache),
    args: ['--max-size', `${keptBytes + MiB}B`],
  })
  const kept = async () => (await scrape(narwhal.url)).value('narwhal_cache_bytes')
  await expect.poll(kept).toBe(keptBytes)
  for (const method of ['HEAD', 'GET'])
    expect((await requestRaw(narwhal.url + unknown, { method })).status).toBe(404)
  await atRest(narwhal)
  expect((await scrape(narwhal.url)).value('narwhal_evictions_total')).toBe(0)
  expect(await nars(narwhal.dataDir)).toHaveLength(cache.infos.length)
})

test('a NAR that an upstream has is served and kept by its name alone, within the limit', async () => {
  const cache = await syntheticCache({ paths: 12, totalBytes: 9 * MiB, compression: 'none' })
  const upstream = await startFakeUpstream(cache.directory)
  // Room for the largest of them, and not for all.
  const maxBytes = 6 * MiB
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    args: ['--max-size', `${maxBytes}B`],
  })
  for (const info of cache.infos) {
    await expectNar(narwhal.url, cache, info)
    await atRest(narwhal)
    expect(await nars(narwhal.dataDir)).toContain(info.url.replace('nar/', ''))
    const now = await scrape(narwhal.url)
    expect(now.value('narwhal_cache_bytes')).toBeLessThanOrEqual(maxBytes)
  }
  expect(upstream.count(/\.narinfo$/)).toBe(0)
  await narwhal.stop()
  await expectSoundDataDir(narwhal.dataDir, { maxBytes })
})
