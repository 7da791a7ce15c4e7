import { readdirSync, readFileSync } from 'node:fs'
import { appendFile, truncate } from 'node:fs/promises'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type NarCheckerOptions, startNarChecker } from '../../src/codec/nar-check.ts'
import { MiB } from '../../src/units.ts'
import { testWith } from '../support/programs.ts'
import { claimOf, crashingWorker, openFiles } from './nar-claim.ts'
import { binaryLike, flipped, pack, packables, unpackable } from './packed.ts'

const nar = binaryLike(400_000)
const packedNar = zstdCompressSync(nar)

describe.each(packables)('%s', (compression, programs) => {
  const test = testWith(programs)

  test('accepts a NAR that arrives bit by bit', async () => {
    const packed = pack(compression, nar)
    const request = await claimOf(nar, { compression })
    const check = checker().check(request)
    const step = Math.ceil(packed.length / 9)
    for (let at = 0; at < packed.length; at += step) {
      await appendFile(request.path, packed.subarray(at, at + step))
      check.available(Math.min(at + step, packed.length))
    }
    expect(await check.finish(packed.length)).toEqual({ ok: true })
  })

  test('refuses a flipped byte at either end and in the middle', async () => {
    const packed = pack(compression, nar)
    const narChecker = checker()
    for (const at of [0, packed.length >> 1, packed.length - 1]) {
      const request = await claimOf(nar, { compression, file: flipped(packed, at) })
      const verdict = await narChecker.check(request).finish(packed.length)
      expect(verdict, `byte ${at}`).toMatchObject({ ok: false })
    }
  })
})

test('refuses a NarSize that is one too small or too large', async () => {
  const narChecker = checker()
  for (const lie of [-1, 1]) {
    const request = await claimOf(nar, { file: packedNar, narSize: nar.length + lie })
    expect(await narChecker.check(request).finish(packedNar.length)).toMatchObject({
      reason: expect.stringMatching(/NarSize/),
    })
  }
})

test('gives its verdict on a bomb while the download still goes on', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(256 * MiB))
  const request = await claimOf(nar, { file: bomb })
  const check = checker().check(request)
  check.available(bomb.length - 100)
  await openFiles(request.path, 0)
  expect(await check.finish(10 ** 9)).toMatchObject({ reason: expect.stringMatching(/more than/) })
})

const onLinux = test.runIf(process.platform === 'linux')

onLinux('a thread without work ends, and the next check starts another', async () => {
  const narChecker = checker({ idleMs: 50 })
  const before = workerThreads()
  for (let round = 0; round < 2; round += 1) {
    const request = await claimOf(nar, { file: packedNar })
    expect(await narChecker.check(request).finish(packedNar.length)).toEqual({ ok: true })
    await expect.poll(workerThreads).toBe(before)
  }
})

test('checks the rest while one of twenty downloads stalls', async () => {
  const narChecker = checker({ maxConcurrent: 3 })
  const stalled = narChecker.check(await claimOf(nar, { file: packedNar }))
  stalled.available(packedNar.length - 1)
  const others = await Promise.all(
    Array.from({ length: 19 }, async () => {
      const check = narChecker.check(await claimOf(nar, { file: packedNar }))
      check.available(1000)
      return check
    }),
  )
  const verdicts = await Promise.all(others.map((check) => check.finish(packedNar.length)))
  expect(verdicts).toEqual(verdicts.map(() => ({ ok: true })))
  expect(await stalled.finish(packedNar.length)).toEqual({ ok: true })
})

test('a file that is complete passes any number of stalled ones', async () => {
  const narChecker = checker({ maxConcurrent: 2 })
  for (let i = 0; i < 5; i++)
    narChecker.check(await claimOf(nar, { file: packedNar })).available(100)
  const complete = narChecker.check(await claimOf(nar, { file: packedNar }))
  expect(await complete.finish(packedNar.length)).toEqual({ ok: true })
})

test('cancelling frees the slot and the descriptor, and rejects finish', async () => {
  const narChecker = checker({ maxConcurrent: 2 })
  const first = await claimOf(nar, { file: packedNar })
  const second = await claimOf(nar, { file: packedNar })
  const cancelled = narChecker.check(first)
  cancelled.available(100)
  const next = narChecker.check(second)
  next.available(100)
  await openFiles(first.path, 1)
  await openFiles(second.path, 0)
  cancelled.cancel()
  cancelled.cancel()
  await openFiles(first.path, 0)
  await openFiles(second.path, 1)
  await expect(cancelled.finish(packedNar.length)).rejects.toMatchObject({ code: 'CHECK_FAILED' })
  expect(await next.finish(packedNar.length)).toEqual({ ok: true })
})

test('cancelling one that waits for a slot lets it never start', async () => {
  const narChecker = checker({ maxConcurrent: 1 })
  const request = await claimOf(nar, { file: packedNar })
  const waiting = narChecker.check(request)
  waiting.available(100)
  waiting.cancel()
  await expect(waiting.finish(100)).rejects.toMatchObject({ code: 'CHECK_FAILED' })
  const other = narChecker.check(await claimOf(nar, { file: packedNar }))
  expect(await other.finish(packedNar.length)).toEqual({ ok: true })
  await openFiles(request.path, 0)
})

test('reads no further than it is told', async () => {
  const file = Buffer.concat([packedNar, Buffer.from('not downloaded yet')])
  const check = checker().check(await claimOf(nar, { file }))
  check.available(packedNar.length)
  expect(await check.finish(packedNar.length)).toEqual({ ok: true })
})

test('a file that is absent, or shorter than said, is a fault and no verdict', async () => {
  const narChecker = checker()
  const absent = narChecker.check(await claimOf(nar, {}))
  await expect(absent.finish(10)).rejects.toMatchObject({ code: 'DISK' })
  const request = await claimOf(nar, { file: packedNar })
  await truncate(request.path, 1000)
  const short = narChecker.check(request)
  await expect(short.finish(packedNar.length)).rejects.toMatchObject({ code: 'DISK' })
})

test.for([
  ['throws', /died: on purpose/],
  ['exits', /died: it ended with code 7/],
] as const)(
  'a thread that %s fails its own checks, and the next gets another thread',
  async ([name, message]) => {
    const narChecker = checker({ script: crashingWorker })
    const doomed = narChecker.check(await claimOf(nar, { file: packedNar }))
    const fatal = narChecker.check(await claimOf(nar, { file: packedNar, name }))
    doomed.available(100)
    fatal.available(100)
    const fault = { code: 'CHECK_FAILED', message: expect.stringMatching(message) }
    await expect(fatal.finish(packedNar.length)).rejects.toMatchObject(fault)
    await expect(doomed.finish(packedNar.length)).rejects.toMatchObject(fault)
    const next = narChecker.check(await claimOf(nar, { file: packedNar }))
    expect(await next.finish(packedNar.length)).toEqual({ ok: true })
  },
)

test('a thread that dies harms no check of another thread', async () => {
  const narChecker = checker({ workers: 2, script: crashingWorker })
  const fatal = narChecker.check(await claimOf(nar, { file: packedNar, name: 'exits' }))
  const other = narChecker.check(await claimOf(nar, { file: packedNar }))
  fatal.available(100)
  other.available(100)
  await expect(fatal.finish(packedNar.length)).rejects.toMatchObject({ code: 'CHECK_FAILED' })
  expect(await other.finish(packedNar.length)).toEqual({ ok: true })
})

test('closing cancels what is under way and refuses more', async () => {
  const narChecker = checker()
  const request = await claimOf(nar, { file: packedNar })
  const check = narChecker.check(request)
  check.available(100)
  await openFiles(request.path, 1)
  await narChecker.close()
  await expect(check.finish(100)).rejects.toMatchObject({ code: 'CHECK_FAILED' })
  expect(() => narChecker.check(request)).toThrow(expect.objectContaining({ code: 'CHECK_FAILED' }))
  await openFiles(request.path, 0)
})

test('refuses to check what it cannot unpack', async () => {
  const narChecker = checker()
  expect(narChecker.canCheck('xz')).toBe(true)
  expect(narChecker.canCheck(unpackable)).toBe(false)
  const request = await claimOf(nar, { compression: unpackable })
  expect(() => narChecker.check(request)).toThrow(expect.objectContaining({ code: 'UNVERIFIABLE' }))
})

/** Threads of this process that run JavaScript, beside its main one. */
function workerThreads(): number {
  const nameOf = (task: string) => readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim()
  return readdirSync('/proc/self/task').filter((task) => nameOf(task) === 'WorkerThread').length
}

function checker(options: Partial<NarCheckerOptions> = {}) {
  const narChecker = startNarChecker({ workers: 1, ...options })
  onTestFinished(() => narChecker.close())
  return narChecker
}
