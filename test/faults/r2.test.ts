import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/cli/demo/random.ts'
import { encodeBase32 } from '../../src/nix/base32.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { joinCrowd } from '../support/crowd.ts'
import { faultStage } from '../support/fault-stage.ts'
import { memoryLimit } from '../support/limits.ts'
import { removeTree } from '../support/temp-dir.ts'

const isLong = process.env.LONG === '1'
const limitBytes = 512 * MiB
const slowReaders = 200
const totalBytes = isLong ? 1500 * MiB : 150 * MiB
const crowd = isLong ? 1000 : 300
const questions = isLong ? 10_000 : 1000

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
  expect((await stage.narinfo(small)).status).toBe(200)
  console.info(
    `R2: ${Math.round((await memory.peakBytes()) / MiB)} MiB at peak, page cache included`,
  )
})
