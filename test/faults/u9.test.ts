import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const options = {
  upstreams: 2,
  paths: 60,
  totalBytes: 12_000_000,
  audit: { maxPartials: 60 },
} as const
const clients = 6

/** Some clients that share a closure out among them, each asking for narinfo and NAR in turn. */
async function substitute(stage: FaultStage, betweenMs = 0): Promise<string[]> {
  const left = [...stage.cache.infos]
  const failed: string[] = []
  const work = async () => {
    for (let info = left.pop(); info; info = left.pop()) {
      const narinfo = await stage.narinfo(info)
      const nar = await stage.get(`/${info.url}`)
      if (narinfo.status !== 200) failed.push(`narinfo ${narinfo.status}`)
      if (nar.status !== 200 || nar.end !== 'clean') failed.push(`nar ${nar.status} ${nar.end}`)
      await wait(betweenMs)
    }
  }
  await Promise.all(Array.from({ length: clients }, work))
  return failed
}

describe('U9: under load one of two upstreams', () => {
  faultTest('dies: no request fails', options, async (stage) => {
    const { upstream } = stage
    const failed = await stage.expectQuickHits(async () => {
      const done = substitute(stage)
      await expect.poll(() => upstream.count(/^\/nar\//), { interval: 5 }).toBeGreaterThan(5)
      await upstream.down()
      return done
    })
    expect(failed).toEqual([])
  })

  faultTest('flaps: no request fails', options, async (stage) => {
    const { upstream } = stage
    let isDone = false
    const failed = await stage.expectQuickHits(async () => {
      const done = substitute(stage, 50).finally(() => {
        isDone = true
      })
      while (!isDone) {
        await upstream.down()
        await wait(100)
        await upstream.up()
        await wait(100)
      }
      return done
    })
    expect(failed).toEqual([])
  })

  faultTest(
    'fails: it is tried again by one probe at a time, and used again once well',
    options,
    async (stage) => {
      const { upstream } = stage
      const script = upstream.script(/./, faults.status(500))
      expect(await substitute(stage)).toEqual([])
      // what was on its way when the third fault came, and few probes after it
      expect(upstream.count()).toBeLessThan(4 * clients)
      await expect.poll(() => script.hits).toBeGreaterThan(3)
      script.stop()
      await stage.narwhal.logged(/is back/)
      upstream.forget()
      await stage.get(`/${'0'.repeat(32)}.narinfo`)
      expect(upstream.count()).toBeGreaterThan(0)
    },
  )
})

faultTest(
  'U9: one of two is away for long: who lacks the path is asked once, and nobody waits anew',
  { upstreams: 2, paths: 3, patience: '3s' },
  async (stage) => {
    const { upstream, other, cache } = stage
    other.script(/narinfo$|^\/nar\//, faults.status(404))
    for (const info of cache.infos) await stage.narinfo(info)
    await upstream.down()
    other.forget()
    const [first, ...later] = cache.infos.map((info) => `/${info.url}`) as [string, ...string[]]
    expect((await stage.get(first)).status).toBe(503)
    expect(other.requests.length).toBeLessThanOrEqual(2)
    // It has been away for as long as anybody waits.
    const began = performance.now()
    for (const path of later) expect((await stage.get(path)).status).toBe(503)
    expect(performance.now() - began).toBeLessThan(3_000)
    expect(other.requests.length).toBeLessThanOrEqual(6)
    await upstream.up()
    await expect.poll(async () => (await stage.get(first)).status, { timeout: 20_000 }).toBe(200)
  },
)
