import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const isNarinfo = /\.narinfo$/
const isNar = /^\/nar\//
const half = 250_000

/** Bytes of the one download that have come so far. */
async function partialBytes({ narwhal }: FaultStage): Promise<number> {
  const directory = join(narwhal.dataDir, 'tmp')
  const [partial] = await readdir(directory)
  return partial === undefined ? 0 : (await stat(join(directory, partial))).size
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
})
