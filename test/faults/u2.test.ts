import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { StatusReport } from '../../src/server/status-report.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { requestRaw } from '../support/raw-http.ts'

const isNarinfo = /\.narinfo$/
const isNar = /^\/nar\//
const half = 250_000

/** Bytes of the one download that have come so far. */
async function partialBytes({ narwhal }: FaultStage): Promise<number> {
  const directory = join(narwhal.dataDir, 'tmp')
  const [partial] = await readdir(directory)
  return partial === undefined ? 0 : (await stat(join(directory, partial))).size
}

async function inProgress(url: string): Promise<StatusReport['downloads']> {
  const { body } = await requestRaw(`${url}/api/v1/status`)
  return JSON.parse(body.toString()).downloads
}

describe('U2: an upstream', () => {
  faultTest(
    'that sends a byte of its head a second: the other answers',
    { upstreams: 2 },
    async (stage) => {
      const { upstream } = stage
      upstream.script(isNarinfo, faults.slowHead(1000))
      expect((await stage.narinfo()).status).toBe(200)
      upstream.script(isNar, faults.slowHead(1000))
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
    },
  )

  faultTest(
    'that falls silent in the middle of a NAR: the rest comes from the other, unseen',
    { upstreams: 2 },
    async (stage) => {
      const { upstream, other } = stage
      await stage.narinfo()
      upstream.script(isNar, faults.stallAt(half))
      expect(await stage.nar({ timeoutMs: 50_000 })).toMatchObject({ status: 200, end: 'clean' })
      expect(other.count(isNar)).toBeGreaterThan(0)
    },
  )

  faultTest(
    'that falls silent and is alone: the client is cut off, later served',
    {},
    async (stage) => {
      const { upstream } = stage
      await stage.narinfo()
      upstream.script(isNar, faults.stallAfter(half), { times: 1 })
      await stage.nar({ timeoutMs: 40_000 })
      await expect.poll(async () => (await stage.nar()).end).toBe('clean')
    },
  )

  faultTest('that only drips is waited for', {}, async (stage) => {
    const { upstream } = stage
    await stage.narinfo()
    upstream.script(isNar, faults.drip(20_000, 100))
    expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
  })

  faultTest(
    'at the end of a long line that loses packets and breaks is resumed, unseen',
    { line: { delayMs: 20, lossShare: 0.05 } },
    async (stage) => {
      const { upstream, lines } = stage
      await stage.narinfo()
      const gate = Promise.withResolvers<void>()
      upstream.script(isNar, faults.pauseAfter(half, gate.promise), { times: 1 })
      const nar = stage.nar()
      await expect.poll(() => partialBytes(stage)).toBeGreaterThan(half / 2)
      lines[0]?.cut()
      gate.resolve()
      expect(await nar).toMatchObject({ status: 200, end: 'clean' })
      expect(upstream.count(isNar)).toBeGreaterThan(1)
    },
  )

  faultTest(
    'that is slow with as many NARs as it may have connections: narinfos are answered all the same',
    { paths: 8, totalBytes: 4_000_000, config: '[limits]\nupstream_connections = 4\n' },
    async (stage) => {
      const { upstream, cache, narwhal } = stage
      const [first, ...others] = cache.infos as [NarInfo, ...NarInfo[]]
      for (const info of others) await stage.narinfo(info)
      const gate = Promise.withResolvers<void>()
      upstream.script(isNar, faults.pauseAfter(1000, gate.promise))
      const nars = others.map((info) => stage.get(`/${info.url}`))
      await expect.poll(() => upstream.count(isNar)).toBe(3)
      expect((await stage.narinfo(first)).status).toBe(200)
      await expect.poll(async () => (await inProgress(narwhal.url)).length).toBe(others.length)
      gate.resolve()
      for (const nar of nars) expect(await nar).toMatchObject({ status: 200, end: 'clean' })
    },
  )

  faultTest(
    'that takes long to begin: what it has then does not wait for one that says nothing',
    { upstreams: 2, patience: '20s' },
    async (stage) => {
      const { upstream, other } = stage
      await stage.narinfo()
      other.forget()
      const gate = Promise.withResolvers<void>()
      other.script(/./, faults.waitFor(gate.promise))
      const beginning = Promise.withResolvers<void>()
      upstream.script(isNar, faults.waitFor(beginning.promise))
      const nar = stage.nar({ timeoutMs: 30_000 })
      await expect.poll(() => other.count(isNarinfo), { timeout: 10_000 }).toBeGreaterThan(0)
      beginning.resolve()
      // Were it waited for, the other's first timeout of five seconds would end before this.
      const late = wait(3_000).then(() => 'late' as const)
      const answer = await Promise.race([nar, late])
      gate.resolve()
      expect(answer).toMatchObject({ status: 200, end: 'clean' })
    },
  )

  faultTest(
    'that is asked for more narinfos than it has connections: a NAR is not behind them all',
    { config: '[limits]\nupstream_connections = 8\n' },
    async (stage) => {
      const { upstream } = stage
      await stage.narinfo()
      upstream.script(/0000\.narinfo$/, async (answer) => {
        await wait(20)
        return answer
      })
      let isOver = false
      let asked = 0
      const ask = async () => {
        while (!isOver) {
          asked += 1
          await stage.get(`/${String(asked).padStart(28, '0')}0000.narinfo`)
        }
      }
      const crowd = Array.from({ length: 25 }, ask)
      await expect.poll(() => asked).toBeGreaterThan(50)
      const nar = await stage.nar({ timeoutMs: 10_000 })
      isOver = true
      await Promise.all(crowd)
      expect(nar).toMatchObject({ status: 200, end: 'clean' })
    },
  )

  faultTest(
    'that takes questions and says nothing: once it is known, those that wait for their turn hear so',
    { upstreams: 2, config: '[limits]\nupstream_connections = 4\n' },
    async (stage) => {
      const { upstream } = stage
      await stage.narinfo()
      upstream.script(/0000\.narinfo$/, faults.silence())
      const paths = Array.from(
        { length: 60 },
        (_, at) => `/${String(at).padStart(28, '0')}0000.narinfo`,
      )
      const answers = await Promise.all(paths.map((path) => stage.get(path)))
      expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 404))
      // Three at once, and three more that were asked before the first had failed for good.
      expect(upstream.count(/0000\.narinfo$/)).toBeLessThan(20)
    },
  )
})
