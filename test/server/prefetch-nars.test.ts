import { readdir, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { factsIn } from '../../src/policy/path-facts.ts'
import { referencesFirst } from '../../src/policy/references-first.ts'
import { handOut } from '../../src/proxy/hand-out.ts'
import type { StatusReport } from '../../src/server/status-report.ts'
import { joinCrowd } from '../support/crowd.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import { status as answer, drip, pauseAfter, stallAfter, waitFor } from '../support/faults.ts'
import { headerOf } from '../support/http-head.ts'
import { requestRaw } from '../support/raw-http.ts'

const options = { paths: 40, totalBytes: 400_000, fetchesAhead: true }
const soon = { timeout: 40_000 }
const isNar = /^\/nar\//
const another = { headers: ['Authorization: Basic YW5vdGhlcjo='] }

async function statusOf({ narwhal }: FaultStage): Promise<StatusReport> {
  return JSON.parse((await requestRaw(`${narwhal.url}/api/v1/status`)).body.toString())
}

/** The closure in the order in which Nix fetches it. */
function inOrder({ cache }: FaultStage): NarInfo[] {
  const byHash = new Map(cache.infos.map((info) => [info.storePath.hash, info]))
  const facts = new Map<StoreHash, NonNullable<ReturnType<typeof factsIn>>>()
  for (const [hash, info] of byHash) {
    const known = factsIn(Buffer.from(handOut(info, 'up').text), hash)
    if (known) facts.set(hash, known)
  }
  return [...referencesFirst(facts)].map(({ hash }) => byHash.get(hash) as NarInfo)
}

/** A client asks for the narinfos of the closure. */
async function look(stage: FaultStage, request?: { readonly headers: string[] }): Promise<void> {
  for (const { storePath } of stage.cache.infos)
    await stage.get(`/${storePath.hash}.narinfo`, request)
}

/** Until nothing is being fetched any more. */
async function atRest(stage: FaultStage): Promise<StatusReport> {
  await expect
    .poll(async () => (await statusOf(stage)).downloads.length + stage.upstream.busy, soon)
    .toBe(0)
  return statusOf(stage)
}

/** File names of the NARs that a process has open. */
async function openNars(pid: number): Promise<Set<string>> {
  const directory = `/proc/${pid}/fd`
  const numbers = await readdir(directory)
  const targets = numbers.map((number) => readlink(join(directory, number)).catch(() => ''))
  return new Set(
    (await Promise.all(targets))
      .filter((path) => /\/nar\//.test(path))
      .map((path) => basename(path)),
  )
}

const askedFor = ({ upstream }: FaultStage) =>
  upstream.requests.map(({ path }) => path).filter((path) => isNar.test(path))
const pathsOf = (infos: readonly NarInfo[]) => infos.map(({ url }) => `/${url}`)

describe('the NARs that a client will ask for next', () => {
  faultTest('are not fetched while it only looks', options, async (stage) => {
    await look(stage)
    await look(stage)
    expect((await atRest(stage)).prefetch.nar.fetched).toBe(0)
    expect(stage.upstream.count(isNar)).toBe(0)
  })

  faultTest('are there when it asks, all fetched once and in its order', options, async (stage) => {
    const order = inOrder(stage)
    await look(stage)
    for (const { url } of order) expect((await stage.get(`/${url}`)).status).toBe(200)
    const { requests, prefetch } = await atRest(stage)
    expect(askedFor(stage).toSorted()).toEqual(pathsOf(order).toSorted())
    const { miss, prefetched, hit, coalesced } = requests.nar
    expect(miss + prefetched).toBe(order.length)
    expect(prefetched).toBeGreaterThan(order.length / 2)
    expect([hit, coalesced]).toEqual([0, 0])
    expect(prefetch.nar).toMatchObject({ fetched: prefetched, used: prefetched, wasted: 0 })
    expect(prefetch.ahead).toEqual({ narinfos: 0, nars: 0, narBytes: 0 })
  })

  faultTest(
    'are fetched eight ahead at first, then more with each that it takes',
    options,
    async (stage) => {
      const order = inOrder(stage)
      await look(stage)
      const ask = (at: number) => stage.get(`/${order[at]?.url}`)
      await ask(0)
      await expect.poll(async () => (await statusOf(stage)).prefetch.nar.fetched, soon).toBe(8)
      await atRest(stage)
      expect(askedFor(stage).toSorted()).toEqual(pathsOf(order.slice(0, 9)).toSorted())
      await ask(1)
      await expect.poll(async () => (await statusOf(stage)).prefetch.nar.fetched, soon).toBe(10)
      await atRest(stage)
      expect(askedFor(stage).toSorted()).toEqual(pathsOf(order.slice(0, 11)).toSorted())
      const ahead = await statusOf(stage)
      expect(ahead.prefetch.ahead.nars).toBe(9)
      const purposes = stage.upstream.requests
        .filter(({ path }) => isNar.test(path))
        .map(({ headers }) => headerOf(headers, 'sec-purpose'))
      expect(purposes).toEqual([undefined, ...Array(10).fill('prefetch')])
    },
  )

  faultTest('are opened before it asks where they are here already', options, async (stage) => {
    const { narwhal } = stage
    const order = inOrder(stage)
    await look(stage)
    for (const { url } of order) await stage.get(`/${url}`)
    await atRest(stage)
    await look(stage, another)
    const opened = async () => {
      const open = await openNars(narwhal.pid)
      return order.flatMap(({ url }, at) => (open.has(basename(url)) ? [at] : []))
    }
    let asked = 0
    const ask = async () => {
      const { status, body } = await stage.get(`/${order[asked]?.url}`, another)
      const truth = await stage.cache.bytesOf(order[asked] as NarInfo)
      expect([status, body.equals(truth)]).toEqual([200, true])
      asked += 1
    }
    // what it wants is worked out beside its first request
    const next = () => [0, 1, 2, 3].map((after) => asked + after)
    do {
      await ask()
      await delay(100)
    } while (asked < order.length / 2 && (await opened()).join() !== next().join())
    expect(asked).toBeLessThan(order.length / 2)
    await expect.poll(opened, soon).toEqual([])
    while (asked < order.length) await ask()
  })

  faultTest('are those of that client alone', options, async (stage) => {
    const order = inOrder(stage)
    await look(stage)
    await stage.get(`/${order[0]?.url}`, another)
    await atRest(stage)
    expect(askedFor(stage)).toEqual(pathsOf(order.slice(0, 1)))
    await stage.narinfo()
    expect((await statusOf(stage)).prefetch.nar.fetched).toBe(0)
  })

  faultTest('are not those it has already', options, async (stage) => {
    const order = inOrder(stage)
    await look(stage)
    const from = order.length - 5
    for (const { url } of order.slice(from)) await stage.get(`/${url}`)
    const { prefetch } = await atRest(stage)
    expect(askedFor(stage).toSorted()).toEqual(pathsOf(order.slice(from)).toSorted())
    expect(prefetch.nar.wasted).toBe(0)
  })

  const two = { ...options, config: '[prefetch]\nmax_concurrent = 2' }
  faultTest('are fetched no more at once than configured', two, async (stage) => {
    const { upstream } = stage
    const order = inOrder(stage)
    await look(stage)
    const gate = Promise.withResolvers<void>()
    upstream.script(
      ({ path }) => isNar.test(path) && path !== `/${order[0]?.url}`,
      waitFor(gate.promise),
    )
    await stage.get(`/${order[0]?.url}`)
    await expect.poll(() => upstream.busy, soon).toBe(2)
    // What a client asks for itself waits for none of them.
    const other = stage.get(`/${order.at(-1)?.url}`)
    await expect.poll(() => upstream.busy, soon).toBe(3)
    gate.resolve()
    expect((await other).status).toBe(200)
  })

  faultTest('are shared by a client that asks while they come', options, async (stage) => {
    const { upstream } = stage
    const order = inOrder(stage)
    await look(stage)
    const gate = Promise.withResolvers<void>()
    const next = `/${order[1]?.url}`
    upstream.script(next, waitFor(gate.promise))
    await stage.get(`/${order[0]?.url}`)
    await expect.poll(() => upstream.count(next), soon).toBe(1)
    const client = stage.get(next)
    await expect
      .poll(
        async () => (await statusOf(stage)).downloads.some(({ readers }) => readers === 1),
        soon,
      )
      .toBe(true)
    gate.resolve()
    expect((await client).status).toBe(200)
    expect(upstream.count(next)).toBe(1)
    expect((await statusOf(stage)).requests.nar).toMatchObject({ miss: 1, prefetched: 1 })
  })

  const patient = { ...options, patience: '10s' }
  faultTest('fail for nobody but themselves, and without a word', patient, async (stage) => {
    const { upstream, narwhal } = stage
    const order = inOrder(stage)
    await look(stage)
    const next = `/${order[1]?.url}`
    const script = upstream.script(next, answer(500), { times: 1 })
    await stage.get(`/${order[0]?.url}`)
    await expect.poll(() => script.hits, soon).toBe(1)
    await atRest(stage)
    expect(upstream.count(next)).toBe(1)
    expect((await stage.get(next)).status).toBe(200)
    expect(upstream.count(next)).toBe(2)
    expect(narwhal.stderr).not.toMatch(/answered 500|could not|error/)
    await expect.poll(async () => (await statusOf(stage)).prefetch.nar.wasted, soon).toBe(1)
  })

  faultTest('that are gone upstream are found out by the client', options, async (stage) => {
    const { upstream, narwhal } = stage
    const order = inOrder(stage)
    await look(stage)
    const [, next] = order
    const script = upstream.script(`/${next?.url}`, answer(404))
    await stage.get(`/${order[0]?.url}`)
    await expect.poll(() => script.hits, soon).toBe(1)
    await atRest(stage)
    const narinfo = `/${next?.storePath.hash}.narinfo`
    expect((await stage.get(narinfo)).header('x-narwhal')).toBe('memory')
    expect((await requestRaw(`${narwhal.url}/${next?.url}`)).status).toBe(404)
    expect((await stage.get(narinfo)).header('x-narwhal')).toBe('upstream')
  })

  const full = {
    paths: 120,
    fetchesAhead: true,
    totalBytes: 240_000,
    config: '[cache]\nmax_size = "80KiB"\n[log]\nlevel = "debug"',
  }
  faultTest('make nothing leave that was read lately', full, async (stage) => {
    const { narwhal } = stage
    const order = inOrder(stage)
    // Somebody for whom nothing is fetched ahead fills the cache; the first NAR comes last and stays.
    const noClient = { headers: ['Sec-Purpose: prefetch'] }
    await look(stage, noClient)
    for (const { url } of order.toReversed()) await stage.get(`/${url}`, noClient)
    const { cache } = await atRest(stage)
    expect(cache.evictions).toBeGreaterThan(0)
    await look(stage)
    await stage.get(`/${order[0]?.url}`)
    await narwhal.logged(/no room to fetch/)
    expect((await atRest(stage)).cache.evictions).toBe(cache.evictions)
  })

  faultTest(
    'are let go when the client has left, and no upstream is blamed',
    { ...options, audit: { maxPartials: 8 } },
    async (stage) => {
      const { upstream, narwhal } = stage
      const order = inOrder(stage)
      await look(stage)
      upstream.script(
        ({ path }) => isNar.test(path) && path !== `/${order[0]?.url}`,
        stallAfter(100),
      )
      await stage.get(`/${order[0]?.url}`)
      await expect.poll(() => upstream.busy, soon).toBe(8)
      await stage.expectCalm()
      const { upstreams, prefetch } = await statusOf(stage)
      expect(upstreams).toMatchObject([{ isUp: true, failures: 0 }])
      expect(prefetch.ahead.nars).toBe(0)
      expect(narwhal.stderr).not.toMatch(/away/)
    },
  )

  const off = { ...options, config: '[prefetch]\nnars = false' }
  faultTest('are left alone where that is configured', off, async (stage) => {
    const order = inOrder(stage)
    await look(stage)
    await stage.get(`/${order[0]?.url}`)
    await atRest(stage)
    expect(stage.upstream.count(isNar)).toBe(1)
  })

  const large = {
    ...{ paths: 3, totalBytes: 6_000_000, fetchesAhead: true },
    compression: 'none',
  } as const
  faultTest('take nothing from the line while a client waits for it', large, async (stage) => {
    const { upstream, narwhal, cache } = stage
    const [first, next] = inOrder(stage) as [NarInfo, NarInfo]
    await look(stage)
    const gate = Promise.withResolvers<void>()
    upstream.script(`/${first.url}`, pauseAfter(100_000, gate.promise))
    upstream.script(`/${next.url}`, drip(10_000, 20))
    const client = joinCrowd(narwhal.port, `/${first.url}`, await cache.bytesOf(first))
    const received = async () => {
      const { downloads } = await statusOf(stage)
      return downloads.find(({ file }) => `nar/${file}` === next.url)?.receivedBytes ?? 0
    }
    let last = -1
    // Left to itself it grows every 20 ms.
    const isStill = async () => {
      const before = last
      last = await received()
      return last > 0 && last === before
    }
    await expect.poll(isStill, { ...soon, interval: 300 }).toBe(true)
    const before = await received()
    expect(before).toBeLessThan(cache.infos.reduce((sum, { narSize }) => sum + narSize, 0) / 3)
    gate.resolve()
    expect((await client.fate).isRight).toBe(true)
    // or it has come whole before anybody looked
    const isKept = async () =>
      (await stage.get(`/${next.url}`, { method: 'HEAD' })).header('x-narwhal') === 'disk'
    await expect.poll(async () => (await received()) > before || isKept(), soon).toBe(true)
    await atRest(stage)
  })

  faultTest('that a client joined and left are resumed later', large, async (stage) => {
    const { upstream, narwhal, cache } = stage
    const order = inOrder(stage)
    await look(stage)
    const [first, next] = order as [NarInfo, NarInfo]
    const gate = Promise.withResolvers<void>()
    upstream.script(`/${next.url}`, pauseAfter(400_000, gate.promise), { times: 1 })
    await stage.get(`/${first.url}`)
    await expect.poll(() => upstream.count(`/${next.url}`), soon).toBe(1)
    const client = joinCrowd(narwhal.port, `/${next.url}`, await cache.bytesOf(next))
    await expect.poll(() => client.receivedBytes, soon).toBeGreaterThan(100_000)
    client.leave()
    await client.fate
    await expect.poll(async () => (await statusOf(stage)).downloads.length, soon).toBe(0)
    gate.resolve()
    const [partial] = await readdir(join(narwhal.dataDir, 'tmp'))
    expect(partial).toContain('.part')
    expect((await stage.get(`/${next.url}`)).status).toBe(200)
    const ranges = upstream.requests
      .filter(({ path }) => path === `/${next.url}`)
      .map(({ headers }) => headerOf(headers, 'range'))
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)])
  })
})
