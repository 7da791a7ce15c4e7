import { expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { GiB, MiB } from '../../src/units.ts'
import { type Fate, joinCrowd, type MemberOptions } from '../support/crowd.ts'
import { type FaultStage, faultStage } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const isLong = process.env.LONG === '1'
const narBytes = isLong ? 2 * GiB - 64 * MiB : 128 * MiB
const readers = 200
const mayGrowBytes = 150 * MiB
/** What the kernel takes off the server's hands for each reader that does not read; a generous guess. */
const stallsAtBytes = 16 * MiB

/** Of them, so many take nothing, so many read at 1 KB/s, and the rest as fast as they can, again and again. */
const streams = { all: 500, stalled: 200, slow: 150 }
const maxResidentBytes = 300e6
const rounds = 4

/** NARs the server is sending, by its own word. */
async function streamsOf(stage: FaultStage): Promise<number> {
  return JSON.parse((await stage.get('/api/v1/status')).body.toString()).streams
}

test(`C2: ${readers} readers at 1 KB/s on one NAR of ${narBytes / MiB} MiB: bounded memory, others served at once`, {
  timeout: 600_000,
}, async () => {
  const stage = await faultStage({ totalBytes: narBytes, compression: 'none' })
  const { narwhal, info, bytes, upstream } = stage
  await stage.narinfo()
  const before = await narwhal.rssBytes()
  let peak = before
  const watch = setInterval(async () => {
    peak = Math.max(peak, await narwhal.rssBytes().catch(() => 0))
  }, 100)
  const load = async () => {
    const members = Array.from({ length: readers }, () =>
      joinCrowd(narwhal.port, `/${info.url}`, bytes, { bytesPerSecond: 1000 }),
    )
    // the whole of it for those who read: cold, beside the slow, and then from the disk
    for (let round = 0; round < 2; round += 1)
      expect((await joinCrowd(narwhal.port, `/${info.url}`, bytes).fate).isRight).toBe(true)
    await expect.poll(() => members.every(({ receivedBytes }) => receivedBytes > 0)).toBe(true)
    return members
  }
  const slow = await stage.expectQuickHits(load, { atOnce: readers })
  clearInterval(watch)
  expect(peak - before).toBeLessThan(mayGrowBytes)
  expect(upstream.count(/^\/nar\//)).toBe(1)
  expect(slow.every(({ receivedBytes }) => receivedBytes < stallsAtBytes)).toBe(true)
  for (const member of slow) member.leave()
  await stage.expectOracles()
})

test(`C2: ${streams.all} streams, of which ${streams.stalled} stand still, in 300 MB of memory`, {
  timeout: 300_000,
}, async () => {
  const stage = await faultStage({ paths: 6, totalBytes: 96 * MiB, compression: 'none' })
  const { narwhal, cache, upstream } = stage
  const [large, ...others] = cache.infos.toSorted((a, b) => b.narSize - a.narSize) as [
    NarInfo,
    ...NarInfo[],
  ]
  const truth = new Map<NarInfo, Buffer>()
  for (const info of cache.infos) {
    await stage.narinfo(info)
    truth.set(info, await cache.bytesOf(info))
  }
  const join = (info: NarInfo, options?: MemberOptions) =>
    joinCrowd(narwhal.port, `/${info.url}`, truth.get(info) as Buffer, options)
  let peak = 0
  const watch = setInterval(async () => {
    peak = Math.max(peak, await narwhal.rssBytes().catch(() => 0))
  }, 100)
  // all of them at one time, before any has had its file
  const gate = Promise.withResolvers<void>()
  upstream.script(/^\/nar\//, faults.pauseAfter(2 * MiB, gate.promise))
  const standing = [
    ...Array.from({ length: streams.stalled }, () => join(large, { bytesPerSecond: 0 })),
    ...Array.from({ length: streams.slow }, () => join(large, { bytesPerSecond: 1000 })),
  ]
  const reading = Array.from({ length: streams.all - standing.length }, async (_, at) => {
    const fates: Fate[] = []
    for (let round = 0; round < rounds; round += 1) {
      const info = others[(at + round) % others.length] as NarInfo
      fates.push(await join(info).fate)
    }
    return fates
  })
  const streaming = () => streamsOf(stage)
  await expect.poll(streaming).toBe(streams.all)
  gate.resolve()
  const fates = (await Promise.all(reading)).flat()
  expect(fates.filter(({ isRight }) => !isRight)).toEqual([])
  await expect.poll(streaming).toBe(standing.length)
  clearInterval(watch)
  console.info(`${streams.all} streams: ${Math.round(peak / 1e6)} MB resident at peak`)
  expect(peak).toBeLessThanOrEqual(maxResidentBytes)
  for (const member of standing) member.leave()
  await stage.expectOracles()
})

/** maxStandstillMs of the server; long runs only, since it is no setting. */
const standstillMs = 300_000

test.runIf(isLong)(
  'C2: a client that takes nothing is cut off after 300 to 360 s, one that takes a little each minute is not',
  { timeout: 840_000 },
  async () => {
    const stage = await faultStage({ totalBytes: 64 * MiB, compression: 'none' })
    const { narwhal, info, bytes } = stage
    await stage.narinfo()
    const join = (options: MemberOptions) => joinCrowd(narwhal.port, `/${info.url}`, bytes, options)
    const startedAt = performance.now()
    const idle = join({ bytesPerSecond: 0 })
    // TCP lets a server write again only when there is room for more than a byte
    const slow = join({ bytesPerSecond: (2 * MiB) / 60, everyMs: 60_000 })
    // the client cannot tell: it has not taken what came before the end
    const streams = () => streamsOf(stage)
    await expect.poll(streams).toBe(2)
    const patience = { timeout: standstillMs + 120_000, interval: 1000 }
    await expect.poll(streams, patience).toBe(1)
    const cutAfterMs = performance.now() - startedAt
    console.info(`C2: cut off after ${(cutAfterMs / 1000).toFixed(1)} s`)
    expect(cutAfterMs).toBeGreaterThan(standstillMs)
    expect(cutAfterMs).toBeLessThan(standstillMs + 60_000)
    const before = slow.receivedBytes
    await expect.poll(() => slow.receivedBytes, { timeout: 90_000 }).toBeGreaterThan(before)
    expect(await streams()).toBe(1)
    idle.leave()
    slow.leave()
    await stage.expectOracles()
  },
)
