import { describe, expect } from 'vitest'
import { laneBytes, maxLanes } from '../../src/policy/lanes.ts'
import { MiB } from '../../src/units.ts'
import type { Fault, UpstreamRequest } from '../support/fake-upstream.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { headerOf } from '../support/http-head.ts'
import { ownTrickle } from '../support/trickle.ts'

const isNar = /^\/nar\//
const isRanged = ({ path, headers }: UpstreamRequest) =>
  isNar.test(path) && /^bytes=\d+-\d+$/.test(headerOf(headers, 'range') ?? '')
const isPlain = (request: UpstreamRequest) => isNar.test(request.path) && !isRanged(request)

const large = { totalBytes: 60 * MiB, compression: 'none' } as const

const wrongs: Readonly<Record<string, Fault | readonly Fault[]>> = {
  'breaks off': faults.cutAfter(1_000_000),
  'is reset': faults.cutAfter(1_000_000, 'reset'),
  'is another one': faults.header('Content-Range', 'bytes 5-4194308/62914560'),
  'is a whole file instead': (answer) => ({ ...answer, status: 200 }),
  'is of another object': faults.header('ETag', '"another"'),
  'falls silent': faults.stallAfter(1_000_000),
}

/** Spoils one range of those asked for at once, counted from the first of them. */
function spoilNth(stage: FaultStage, nth: number, wrong: Fault | readonly Fault[]) {
  let count = 0
  const isNth = (request: UpstreamRequest) => {
    if (isRanged(request)) count += 1
    return isRanged(request) && count === nth
  }
  return stage.upstream.script(isNth, wrong)
}

describe('A large NAR fetched by several ranges at once', () => {
  faultTest('is whole, and never more than four are on their way', large, async (stage) => {
    const { upstream, bytes } = stage
    await stage.narinfo()
    upstream.script(isNar, ownTrickle())
    expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
    expect(upstream.count(isPlain)).toBe(1)
    const ranges = upstream.requests.filter(isRanged)
    expect(ranges.length).toBeGreaterThanOrEqual((32 * MiB) / laneBytes - 1)
    expect(ranges.length).toBeLessThanOrEqual(Math.ceil(bytes.length / laneBytes))
    // connections are used again: the plain one, and one a range at once
    expect(upstream.connections).toBeLessThanOrEqual(maxLanes + 2)
    await stage.narwhal.logged(/keeps asking for ranges at once/)
  })

  for (const [what, wrong] of Object.entries(wrongs)) {
    faultTest(
      `one of which ${what}: goes on by one connection, unseen`,
      { ...large, timeout: 180_000 },
      async (stage) => {
        const { upstream } = stage
        await stage.narinfo()
        upstream.script(isNar, ownTrickle())
        const script = spoilNth(stage, 5, wrong)
        const nar = await stage.nar({ timeoutMs: 120_000 })
        expect(nar).toMatchObject({ status: 200, end: 'clean' })
        expect(script.hits).toBe(1)
        expect(upstream.count(isPlain)).toBe(2)
        await stage.narwhal.logged(/asks for no ranges at once/)
      },
    )
  }

  faultTest('one of which has a flipped bit: is cut off, and quarantined', large, async (stage) => {
    const { upstream } = stage
    await stage.narinfo()
    upstream.script(isNar, ownTrickle())
    upstream.script(isRanged, [ownTrickle(), faults.flipBit(40 * MiB)])
    const cut = await stage.nar()
    expect(cut.status === 200 && cut.end === 'clean').toBe(false)
    const asked = upstream.count(isNar)
    expect((await stage.nar()).status).not.toBe(200)
    expect(upstream.count(isNar)).toBe(asked)
  })

  faultTest(
    'one of which has a flipped bit: comes from the other upstream next time',
    { ...large, upstreams: 2 },
    async (stage) => {
      const { upstream, other } = stage
      await stage.narinfo()
      upstream.script(isNar, ownTrickle())
      upstream.script(isRanged, [ownTrickle(), faults.flipBit(40 * MiB)])
      expect((await stage.nar()).end).toBe('cut')
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
      expect(other.count(isNar)).toBe(1)
    },
  )

  faultTest('of which clients have enough in the middle: nothing goes on', large, async (stage) => {
    const { upstream, narwhal, info } = stage
    await stage.narinfo()
    upstream.script(isNar, ownTrickle())
    const leave = new AbortController()
    const asked = fetch(`${narwhal.url}/${info.url}`, { signal: leave.signal })
    const read = asked.then(async ({ body }) => {
      for await (const chunk of body ?? []) {
        expect(chunk.length).toBeGreaterThan(0)
        if (upstream.count(isRanged) >= maxLanes - 1) leave.abort()
      }
    })
    await expect(read).rejects.toThrow()
    await expect.poll(() => upstream.busy).toBe(0)
  })
})
