import { expect, test } from 'vitest'
import { GiB, MiB } from '../../src/units.ts'
import { joinCrowd } from '../support/crowd.ts'
import { faultStage } from '../support/fault-stage.ts'

const isLong = process.env.LONG === '1'
const narBytes = isLong ? 2 * GiB - 64 * MiB : 128 * MiB
const readers = 200
const mayGrowBytes = 150 * MiB
/** What the kernel takes off the server's hands for each reader that does not read; a generous guess. */
const stallsAtBytes = 16 * MiB

test(`C2: ${readers} readers at 1 KB/s on one NAR of ${narBytes / MiB} MiB: bounded memory, others served`, {
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
  const slow = Array.from({ length: readers }, () =>
    joinCrowd(narwhal.port, `/${info.url}`, bytes, { bytesPerSecond: 1000 }),
  )
  // the whole of it for those who read: cold, beside the slow, and then from the disk
  for (let round = 0; round < 2; round += 1)
    expect((await joinCrowd(narwhal.port, `/${info.url}`, bytes).fate).isRight).toBe(true)
  await expect
    .poll(() => slow.every(({ receivedBytes }) => receivedBytes > 0), { timeout: 20_000 })
    .toBe(true)
  clearInterval(watch)
  expect(peak - before).toBeLessThan(mayGrowBytes)
  expect(upstream.count(/^\/nar\//)).toBe(1)
  expect(slow.every(({ receivedBytes }) => receivedBytes < stallsAtBytes)).toBe(true)
  for (const member of slow) member.leave()
  await stage.expectOracles()
})
