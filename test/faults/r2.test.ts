import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/cli/demo/random.ts'
import { encodeBase32 } from '../../src/nix/base32.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { joinCrowd, type MemberOptions } from '../support/crowd.ts'
import { faultStage } from '../support/fault-stage.ts'
import { memoryLimit } from '../support/limits.ts'
import { expectLevel } from '../support/oracles.ts'
import { removeTree } from '../support/temp-dir.ts'

const isLong = process.env.LONG === '1'
const limitBytes = 512 * MiB
const slowReaders = 200
const totalBytes = isLong ? 1500 * MiB : 150 * MiB
const crowd = isLong ? 1000 : 300
const questions = isLong ? 10_000 : 1000

/** Some of the first minutes fill what has a bound: memory, index, buffers, the collector's spaces. */
const soak = { minutes: Number(process.env.SOAK_MINUTES ?? 20), warmUpMinutes: 5 }
/** What can be told from noise in a quarter of an hour. A leak of a byte per request would be no more. */
const soakMayGrowBytes = 5 * MiB

test(`R2: a slow crowd, a fast crowd and ${questions} misses at once in 512 MiB: no OOM`, {
  timeout: 600_000,
}, async ({ skip }) => {
  const memory = await memoryLimit(limitBytes)
  if (!memory) return skip('needs a memory control group that may be written')
  // on a disk: a data directory in memory would count against the limit
  const dataDir = await mkdtemp(join(tmpdir(), 'narwhal-r2-'))
  atTestEnd(() => removeTree(dataDir))
  const stage = await faultStage({
    ...{ paths: 12, totalBytes, compression: 'none', dataDir },
    wrapper: memory.wrapper,
  })
  const { narwhal, cache } = stage
  const ordered = cache.infos.toSorted((a, b) => b.narSize - a.narSize)
  const [large, small] = [ordered[0], ordered.at(-1)] as [NarInfo, NarInfo]
  const largeBytes = await cache.bytesOf(large)
  const smallBytes = await cache.bytesOf(small)
  const slow = Array.from({ length: slowReaders }, () =>
    joinCrowd(narwhal.port, `/${large.url}`, largeBytes, { bytesPerSecond: 1000 }),
  )
  const fast = Array.from({ length: crowd }, () =>
    joinCrowd(narwhal.port, `/${small.url}`, smallBytes),
  )
  const random = seededRandom('R2')
  const misses = Array.from({ length: questions }, () =>
    joinCrowd(narwhal.port, `/${encodeBase32(random.bytes(20))}.narinfo`, new Uint8Array()),
  )
  const one = joinCrowd(narwhal.port, `/${large.url}`, largeBytes)
  const fates = await Promise.all([...fast, one].map(({ fate }) => fate))
  expect(fates.filter(({ isRight, status }) => !isRight && status === 200)).toEqual([])
  expect(fates.filter(({ isRight }) => isRight).length).toBeGreaterThan(0)
  const statuses = new Set(
    (await Promise.all(misses.map(({ fate }) => fate))).map(({ status }) => status),
  )
  expect([...statuses].filter((status) => ![404, 503, 0].includes(status))).toEqual([])
  for (const member of slow) member.leave()
  expect(await memory.kills()).toBe(0)
  await expect.poll(async () => (await stage.narinfo(small)).status).toBe(200)
  console.info(
    `R2: ${Math.round((await memory.peakBytes()) / MiB)} MiB at peak, page cache included`,
  )
})

test.runIf(isLong)(
  `R2: ${soak.minutes} minutes of the same load in 512 MiB: no OOM, and no growth`,
  { timeout: (soak.minutes + 5) * 60_000 },
  async ({ skip }) => {
    const memory = await memoryLimit(limitBytes)
    if (!memory) return skip('needs a memory control group that may be written')
    const dataDir = await mkdtemp(join(tmpdir(), 'narwhal-r2-'))
    atTestEnd(() => removeTree(dataDir))
    const stage = await faultStage({
      ...{ paths: 60, totalBytes: 60 * MiB, dataDir, wrapper: memory.wrapper },
      // a third of it, so that eviction and fetching never end
      config: '[cache]\nmax_size = "12MiB"\n',
      audit: { maxPartials: 60 },
    })
    const { narwhal, cache } = stage
    const truth = await Promise.all(cache.infos.map((info) => cache.bytesOf(info)))
    const random = seededRandom('soak')
    // the same ones again and again: absences are remembered, up to a bound
    const absent = Array.from({ length: 2000 }, () => encodeBase32(random.bytes(20)))
    const any = (below: number) => Math.floor(random.fraction() * below)
    const read = (options?: MemberOptions) => {
      const at = any(cache.infos.length)
      return joinCrowd(narwhal.port, `/${cache.infos[at]?.url}`, truth[at] as Buffer, options)
    }
    const round = async () => {
      const leaving = Array.from({ length: 20 }, () => read({ bytesPerSecond: 1000 }))
      const whole = await Promise.all(Array.from({ length: 30 }, () => read().fate))
      expect(whole.filter(({ isRight }) => !isRight)).toEqual([])
      for (const member of leaving) member.leave()
      await Promise.all(
        Array.from({ length: 50 }, () => stage.get(`/${absent[any(absent.length)]}.narinfo`)),
      )
      await Promise.all(cache.infos.map((info) => stage.narinfo(info)))
    }
    const leastOfMinute: number[] = []
    const startedAt = performance.now()
    for (;;) {
      const minute = Math.floor((performance.now() - startedAt) / 60_000)
      if (minute >= soak.minutes) break
      await round()
      // what the collector has not come to yet is in some rounds only
      const held = await narwhal.rssBytes()
      leastOfMinute[minute] = Math.min(leastOfMinute[minute] ?? held, held)
      // an even load, not as much as the machine can do
      await wait(500)
    }
    expect(await memory.kills()).toBe(0)
    expectLevel(leastOfMinute.slice(soak.warmUpMinutes), soakMayGrowBytes)
    await stage.expectOracles()
  },
)
