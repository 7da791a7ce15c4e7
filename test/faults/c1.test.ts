import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { atRest } from '../support/at-rest.ts'
import { joinCrowd } from '../support/crowd.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { headerOf } from '../support/http-head.ts'

const isNar = /^\/nar\//
const options = { totalBytes: 4_000_000, compression: 'none' } as const

/** An upstream that pauses after a share of the file, until `open` is called. */
async function pausedAt(stage: FaultStage, share: number) {
  const { upstream, narwhal, info, bytes } = stage
  await stage.narinfo()
  const { promise, resolve: open } = Promise.withResolvers<void>()
  const at = Math.floor(bytes.length * share)
  const script = upstream.script(isNar, faults.pauseAfter(at, promise), { times: 1 })
  const join = () => joinCrowd(narwhal.port, `/${info.url}`, bytes)
  // the tail of what has arrived may be held back
  const isThere = (member: { readonly receivedBytes: number }) => () =>
    member.receivedBytes > at - 300_000
  return { open, script, join, isThere }
}

describe('C1: of the clients of one download', () => {
  faultTest(
    'the only one leaves early: the fetch stops, the partial is resumed later',
    options,
    async (stage) => {
      const { upstream } = stage
      const { join, isThere, open } = await pausedAt(stage, 0.3)
      const sole = join()
      await expect.poll(isThere(sole)).toBe(true)
      sole.leave()
      await expect.poll(() => upstream.connections).toBe(0)
      open()
      upstream.forget()
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
      expect(upstream.requests.map(({ headers }) => headerOf(headers, 'range'))).toEqual([
        expect.stringMatching(/^bytes=[1-9]\d*-$/),
      ])
    },
  )

  faultTest('the only one leaves late: it is finished, and kept', options, async (stage) => {
    const { upstream } = stage
    const { join, isThere, open } = await pausedAt(stage, 0.7)
    const sole = join()
    await expect.poll(isThere(sole)).toBe(true)
    sole.leave()
    await sole.fate
    open()
    await expect.poll(() => upstream.busy).toBe(0)
    await expect.poll(async () => (await stage.nar()).header('x-narwhal')).toBe('disk')
    expect(upstream.count(isNar)).toBe(1)
  })

  faultTest('one of 50 leaves: the others notice nothing', options, async (stage) => {
    const { upstream } = stage
    const { join, isThere, open } = await pausedAt(stage, 0.3)
    const members = Array.from({ length: 50 }, join)
    const [first, ...others] = members as [ReturnType<typeof join>, ...ReturnType<typeof join>[]]
    await expect.poll(() => members.every((member) => isThere(member)())).toBe(true)
    first.leave()
    open()
    const fates = await Promise.all(others.map(({ fate }) => fate))
    expect(fates.filter(({ isRight }) => !isRight)).toEqual([])
    expect(upstream.count(isNar)).toBe(1)
  })

  faultTest('all 50 leave: nothing goes on for nobody', options, async (stage) => {
    const { upstream } = stage
    const { join, isThere, open } = await pausedAt(stage, 0.3)
    const members = Array.from({ length: 50 }, join)
    await expect.poll(() => members.every((member) => isThere(member)())).toBe(true)
    for (const member of members) member.leave()
    await expect.poll(() => upstream.connections).toBe(0)
    open()
  })
})

faultTest(
  'C1: all leave whose downloads wait for their turn: nothing is held for them',
  {
    ...{ paths: 40, totalBytes: 4_000_000, config: '[limits]\nmax_downloads = 1\n' },
    env: { NARWHAL_PREFETCH_NARS: 'false' },
  },
  async (stage) => {
    const { upstream, narwhal, cache } = stage
    const [running, ...waiting] = cache.infos as [NarInfo, ...NarInfo[]]
    for (const info of cache.infos) await stage.narinfo(info)
    const gate = Promise.withResolvers<void>()
    upstream.script(isNar, faults.pauseAfter(1000, gate.promise), { times: 1 })
    const join = (info: NarInfo) => joinCrowd(narwhal.port, `/${info.url}`, new Uint8Array())
    const first = stage.get(`/${running.url}`)
    await expect.poll(() => upstream.count(isNar)).toBe(1)
    const before = await narwhal.openFiles()
    const crowd = waiting.map(join)
    await expect.poll(() => narwhal.openFiles()).toBeGreaterThanOrEqual(before + waiting.length)
    for (const member of crowd) member.leave()
    await expect.poll(() => narwhal.openFiles()).toBeLessThanOrEqual(before)
    expect(upstream.count(isNar)).toBe(1)
    // Who asks again waits for the turn, not for those that have left.
    const again = stage.get(`/${waiting[0]?.url}`)
    gate.resolve()
    for (const nar of [first, again]) expect(await nar).toMatchObject({ status: 200, end: 'clean' })
  },
)

const maxBytes = 4_000_000
const small = {
  ...{ paths: 40, totalBytes: 40_000_000, compression: 'none' as const },
  ...{ config: `[cache]\nmax_size = "${maxBytes}B"`, audit: { maxPartials: 40 } },
}

faultTest('C1: what is left of many that broke off keeps within max_size', small, async (stage) => {
  const { upstream, narwhal, cache } = stage
  const { promise, resolve: open } = Promise.withResolvers<void>()
  // Larger ones are not kept, nor is anything of them.
  const infos = cache.infos.filter(({ narSize }) => narSize > 600_000 && narSize < maxBytes)
  const beginOf = (size: number) => Math.floor(size * 0.4)
  expect(infos.reduce((sum, { narSize }) => sum + beginOf(narSize), 0)).toBeGreaterThan(maxBytes)
  for (const info of infos) {
    upstream.script(`/${info.url}`, faults.pauseAfter(beginOf(info.narSize), promise))
    await stage.narinfo(info)
    const sole = joinCrowd(narwhal.port, `/${info.url}`, await cache.bytesOf(info))
    await expect.poll(() => sole.receivedBytes).toBeGreaterThan(0.7 * beginOf(info.narSize))
    sole.leave()
    await expect.poll(() => upstream.connections).toBe(0)
    await atRest(narwhal)
  }
  open()
  const tmp = join(narwhal.dataDir, 'tmp')
  const left = await Promise.all((await readdir(tmp)).map((name) => stat(join(tmp, name))))
  expect(left.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(maxBytes)
  expect(left.length).toBeGreaterThan(0)
})
