import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import type { NarFile } from '../../src/policy/nar-file.ts'
import type { Nars } from '../../src/proxy/nars.ts'
import { Recompression } from '../../src/proxy/recompression.ts'
import type { Disk } from '../../src/store/disk.ts'
import { silentLog } from '../../src/telemetry.ts'
import { atTestEnd } from '../support/at-test-end.ts'

const first = `${'1'.repeat(52)}.nar.xz`
const second = `${'0'.repeat(52)}.nar.xz`
const done = { bytesBefore: 1, bytesAfter: 1 }
type Outcome = Awaited<ReturnType<Nars['repack']>>
type Pace = Parameters<Nars['repack']>[1]
const config = { enabled: true, level: 3, workers: 1 } as const

/** Recompression with two NARs to do, the first of which comes out as told. */
function stage(outcome: (pace: Pace) => Promise<Outcome>, isIndexComplete = true) {
  const wanted = new Set([first, second])
  const attempts: string[] = []
  const zstdForms = {
    get wanting() {
      return wanted.size
    },
    wanted: (limit: number) => [...wanted].slice(0, limit),
    giveUp: (file: string) => wanted.delete(file),
    dropOriginals: async () => {},
  }
  const nars = {
    fetching: 0,
    idleMs: Number.POSITIVE_INFINITY,
    async repack({ name }: NarFile, pace: Pace) {
      attempts.push(name)
      if (name === first) return outcome(pace)
      wanted.delete(name)
      return done
    },
  }
  const ending = new AbortController()
  const disk = { isStoring: true, isIndexComplete, zstdForms }
  const recompression = new Recompression(
    { disk: disk as unknown as Disk, log: silentLog, signal: ending.signal },
    config,
    nars as unknown as Nars,
  )
  atTestEnd(async () => {
    ending.abort()
    await recompression.settled()
  })
  return { attempts, wanted, disk, nars, recompression }
}

const outcomes: readonly (readonly [string, () => Promise<Outcome>])[] = [
  ['a client has made just now', async () => 'being made'],
  ['no narinfo leads to yet', async () => 'unpromised'],
  ['a client had made, and left', () => Promise.reject(new DOMException('', 'AbortError'))],
  ['there is no room for', () => Promise.reject(new AppError('NO_ROOM', 'no room'))],
  ['the disk does not take', () => Promise.reject(new AppError('DISK', 'EIO'))],
  ['failed once', () => Promise.reject(new AppError('CHECK_FAILED', 'a thread died'))],
]
for (const [what, outcome] of outcomes)
  test(`a NAR that ${what} stays wanted, and lets the next one have its turn`, async () => {
    const { attempts, wanted } = stage(outcome)
    await expect.poll(() => [...wanted], { timeout: 10_000 }).toEqual([first])
    expect(attempts).toEqual([first, second])
  })

test('a NAR that nothing can be made of is let be', async () => {
  const { attempts, wanted } = stage(async () => 'impossible')
  await expect.poll(() => [...wanted]).toEqual([])
  expect(attempts).toEqual([first, second])
})

test('nothing is begun before all of cache/ is in the index', async () => {
  const { attempts, disk } = stage(async () => done, false)
  expect(attempts).toEqual([])
  disk.isIndexComplete = true
  await expect.poll(() => attempts, { timeout: 10_000 }).toContain(first)
})

test('a pause lasts until a client waits for the very NAR', async () => {
  const waiting = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<Outcome>()
  let hasClient = false
  const { attempts, nars, recompression } = stage(async (pace) => {
    // A client downloads something else, and no machine has the cores for that too.
    nars.idleMs = 0
    recompression.use({ ...config, workers: 1000 })
    // What the machine said last counts for a moment.
    while (await Promise.race([pace(() => false).then(() => true), delay(100, false)]))
      await delay(10)
    waiting.resolve()
    await pace(() => hasClient)
    ended.resolve(done)
    return ended.promise
  })
  await waiting.promise
  hasClient = true
  await ended.promise
  expect(attempts).toEqual([first])
})
