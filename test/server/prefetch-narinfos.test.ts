import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { StatusReport } from '../../src/server/status-report.ts'
import { type Fault, startFakeUpstream } from '../support/fake-upstream.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import { status as answer, waitFor } from '../support/faults.ts'
import { headerOf } from '../support/http-head.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

const options = { paths: 40, totalBytes: 400_000, fetchesAhead: true }
const others = options.paths - 1
const pathOf = ({ storePath }: NarInfo) => `/${storePath.hash}.narinfo`
const soon = { timeout: 40_000 }

async function statusAt(url: string): Promise<StatusReport> {
  return JSON.parse((await requestRaw(`${url}/api/v1/status`)).body.toString())
}

/** Until this many narinfos were fetched ahead. */
async function fetched({ narwhal }: FaultStage, narinfos: number): Promise<void> {
  const count = async () => (await statusAt(narwhal.url)).prefetch.narinfo.fetched
  await expect.poll(count, soon).toBe(narinfos)
}

/** Asks for a narinfo while it is being fetched ahead, which then ends so. @returns its path */
async function joinReference(stage: FaultStage, ...ending: Fault[]): Promise<string> {
  const { upstream, info } = stage
  const [reference] = info.references.filter(({ hash }) => hash !== info.storePath.hash)
  const path = `/${reference?.hash}.narinfo`
  const gate = Promise.withResolvers<void>()
  upstream.script(path, [waitFor(gate.promise), ...ending], { times: 1 })
  await stage.narinfo()
  await expect.poll(() => upstream.count(path), soon).toBe(1)
  const client = stage.get(path)
  // Connections are taken in the order they came.
  await stage.narinfo()
  gate.resolve()
  expect((await client).status).toBe(200)
  return path
}

describe('the narinfos that a client will ask for next', () => {
  faultTest('are fetched along References, each once', options, async (stage) => {
    const { upstream, cache, narwhal, info } = stage
    await stage.narinfo()
    await fetched(stage, others)
    expect((await statusAt(narwhal.url)).prefetch.ahead.narinfos).toBe(others)
    for (const other of cache.infos) expect((await stage.get(pathOf(other))).status).toBe(200)
    for (const other of cache.infos) await stage.get(pathOf(other))
    const paths = upstream.requests.map(({ path }) => path)
    expect(paths[0]).toBe(pathOf(info))
    expect(paths.toSorted()).toEqual(cache.infos.map(pathOf).toSorted())
    const { requests, prefetch } = await statusAt(narwhal.url)
    expect(requests.narinfo).toMatchObject({ miss: 1, prefetched: others, hit: 2 + others })
    expect(prefetch.narinfo).toMatchObject({ fetched: others, used: others, wasted: 0 })
    expect(prefetch.narinfo.usedBytes).toBe(prefetch.narinfo.fetchedBytes)
    expect(prefetch.ahead.narinfos).toBe(0)
  })

  const oneByOne = { ...options, config: '[prefetch]\nmax_concurrent = 1' }
  faultTest('come breadth first', oneByOne, async (stage) => {
    const { upstream, cache, info } = stage
    await stage.narinfo()
    await fetched(stage, others)
    const byHash = new Map<string, NarInfo>(cache.infos.map((one) => [one.storePath.hash, one]))
    const depths = new Map<string, number>([[info.storePath.hash, 0]])
    for (const [hash, depth] of depths)
      for (const reference of byHash.get(hash)?.references ?? [])
        if (!depths.has(reference.hash)) depths.set(reference.hash, depth + 1)
    const asked = upstream.requests.map(({ path }) => depths.get(path.slice(1, 33)) as number)
    expect(asked).toEqual(asked.toSorted((a, b) => a - b))
  })

  for (const [config, slots] of [
    ['[prefetch]\nmax_concurrent = 3', 3],
    ['[limits]\nupstream_connections = 8', 2],
  ] as const)
    faultTest(
      `are ${slots} at once with ${config.split('\n')[1]}`,
      { ...options, config },
      async (stage) => {
        const { upstream, info } = stage
        const gate = Promise.withResolvers<void>()
        upstream.script(({ path }) => path !== pathOf(info), waitFor(gate.promise))
        await stage.narinfo()
        await expect.poll(() => upstream.busy, soon).toBe(slots)
        await stage.narinfo()
        expect(upstream.busy).toBe(slots)
        gate.resolve()
        await fetched(stage, others)
      },
    )

  const two = { ...options, config: '[prefetch]\nmax_concurrent = 2' }
  faultTest('come beside what clients wait for', two, async (stage) => {
    const { upstream, narwhal, info } = stage
    const gate = Promise.withResolvers<void>()
    upstream.script(({ path }) => path !== pathOf(info), waitFor(gate.promise))
    const foreign = [1, 2, 3, 4].map((digit) => `/${String(digit).repeat(32)}.narinfo`)
    const waiting = foreign.map((path) => requestRaw(narwhal.url + path))
    await expect.poll(() => upstream.busy, soon).toBe(4)
    await stage.narinfo()
    await expect.poll(() => upstream.busy, soon).toBe(6)
    gate.resolve()
    await Promise.all(waiting)
    await fetched(stage, others)
  })

  faultTest('leave their place to others once a client waits for them', two, async (stage) => {
    const { upstream, info } = stage
    const gate = Promise.withResolvers<void>()
    upstream.script(({ path }) => path !== pathOf(info), waitFor(gate.promise))
    await stage.narinfo()
    await expect.poll(() => upstream.busy, soon).toBe(2)
    const begun = upstream.requests.map(({ path }) => path).slice(1)
    const joined = begun.map((path) => stage.get(path))
    await expect.poll(() => upstream.busy, soon).toBe(4)
    gate.resolve()
    for (const { status } of await Promise.all(joined)) expect(status).toBe(200)
    await fetched(stage, others)
  })

  faultTest('are shared by a client that asks meanwhile', options, async (stage) => {
    const { upstream, narwhal } = stage
    const path = await joinReference(stage)
    expect(upstream.count(path)).toBe(1)
    expect((await statusAt(narwhal.url)).requests.narinfo).toMatchObject({ miss: 1, prefetched: 1 })
    await fetched(stage, others)
  })

  const patient = { ...options, patience: '10s' }
  faultTest('fail for nobody but themselves', patient, async (stage) => {
    const { upstream, narwhal } = stage
    // This client joins what is about to fail, and has an answer all the same.
    const path = await joinReference(stage, answer(500))
    expect(upstream.count(path)).toBe(2)
    expect((await statusAt(narwhal.url)).requests.narinfo).toMatchObject({ failed: 0, negative: 0 })
  })

  faultTest('are taken for absent only if they certainly are', options, async (stage) => {
    const { upstream, narwhal, info } = stage
    const [gone, sick] = info.references.filter(({ hash }) => hash !== info.storePath.hash)
    upstream.script(`/${gone?.hash}.narinfo`, answer(404))
    const script = upstream.script(`/${sick?.hash}.narinfo`, answer(500))
    await stage.narinfo()
    await expect.poll(() => script.hits, soon).toBe(1)
    await expect.poll(async () => (await statusAt(narwhal.url)).memory.absences, soon).toBe(1)
    // who joined what is about to fail would be told why
    await expect.poll(() => upstream.busy, soon).toBe(0)
    await statusAt(narwhal.url)
    script.stop()
    expect((await stage.get(`/${sick?.hash}.narinfo`)).status).toBe(200)
    expect((await requestRaw(`${narwhal.url}/${gone?.hash}.narinfo`)).status).toBe(404)
    expect(upstream.count(`/${gone?.hash}.narinfo`)).toBe(1)
    expect(narwhal.stderr).not.toMatch(/answered 500/)
  })

  const off = { ...options, config: '[prefetch]\nnarinfos = false' }
  faultTest('are left alone where that is configured', off, async (stage) => {
    await stage.narinfo()
    await stage.get(pathOf(stage.cache.infos[0] as NarInfo))
    expect(stage.upstream.count()).toBe(2)
  })

  faultTest(
    'say that no client asks, and are fetched for no such request',
    options,
    async (stage) => {
      const { upstream, narwhal, info } = stage
      const headers = ['Sec-Purpose: prefetch']
      const response = await stage.get(pathOf(info), { headers })
      expect(response.status).toBe(200)
      // Whatever it had begun to fetch would be seen before the answer to this one.
      await requestRaw(`${narwhal.url}/${'0'.repeat(32)}.narinfo`, { headers })
      expect(upstream.count()).toBe(2)
      expect((await stage.narinfo()).header('x-narwhal')).toBe('memory')
      await fetched(stage, others)
      const purposes = upstream.requests.map(({ headers }) => headerOf(headers, 'sec-purpose'))
      expect(purposes).toEqual([undefined, undefined, ...Array(others).fill('prefetch')])
    },
  )

  test('stop being fetched, and start again, at a reload', { timeout: 180_000 }, async () => {
    const cache = await syntheticCache(options)
    const upstream = await startFakeUpstream(cache.directory)
    const file = join(await tempDir('config'), 'narwhal.toml')
    const configure = (prefetch: string) => writeFile(file, `[prefetch]\n${prefetch}\n`)
    await configure('max_concurrent = 1')
    const narwhal = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
      args: ['--config', file],
    })
    const reload = async (prefetch: string, key: string) => {
      await configure(prefetch)
      narwhal.signal('SIGHUP')
      await narwhal.logged(new RegExp(`reloaded the configuration: [^"]*${key}`))
    }
    const root = pathOf(cache.infos.at(-1) as NarInfo)
    const gate = Promise.withResolvers<void>()
    upstream.script(({ path }) => path !== root, waitFor(gate.promise))
    await requestRaw(narwhal.url + root)
    await expect.poll(() => upstream.busy, soon).toBe(1)
    await reload('narinfos = false\nmax_concurrent = 1', 'prefetch.narinfos')
    // What was on its way is let go, and nothing follows it.
    gate.resolve()
    await requestRaw(narwhal.url + root)
    await expect.poll(() => upstream.busy, soon).toBe(0)
    expect(upstream.count()).toBe(2)
    expect((await statusAt(narwhal.url)).prefetch.narinfo.fetched).toBe(0)
    await reload('max_concurrent = 5', 'prefetch.max_concurrent')
    const slow = Promise.withResolvers<void>()
    upstream.script(({ path }) => path !== root, waitFor(slow.promise))
    await requestRaw(narwhal.url + root)
    await expect.poll(() => upstream.busy, soon).toBe(5)
    slow.resolve()
    const count = async () => (await statusAt(narwhal.url)).prefetch.narinfo.fetched
    await expect.poll(count, soon).toBe(others)
  })

  faultTest('are fetched once also through two narwhals', options, async (stage) => {
    const { upstream, narwhal, cache, info } = stage
    const near = await startNarwhal({ upstreams: [narwhal.url], trustedKeys: [cache.publicKey] })
    await requestRaw(near.url + pathOf(info))
    const count = async () => (await statusAt(near.url)).prefetch.narinfo.fetched
    await expect.poll(count, soon).toBe(others)
    expect(upstream.requests.map(({ path }) => path).toSorted()).toEqual(
      cache.infos.map(pathOf).toSorted(),
    )
    await near.stop()
  })
})
