import { expect } from 'vitest'
import { joinCrowd } from '../support/crowd.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import { type Baseline, baselineOf, expectCalm } from '../support/oracles.ts'

const isLong = process.env.LONG === '1'
const aborts = isLong ? 10_000 : 2_000
const atOnce = 100
const warmUpRounds = 3

/** Clients that hang up: before the answer, with the first bytes, in the middle. */
async function abortMany({ narwhal, info, bytes }: FaultStage, count: number): Promise<void> {
  for (let done = 0; done < count; done += atOnce) {
    const members = Array.from({ length: atOnce }, () =>
      joinCrowd(narwhal.port, `/${info.url}`, bytes, { bytesPerSecond: 1 }),
    )
    for (const [at, member] of members.entries()) {
      if (at % 3 === 0) setImmediate(member.leave)
      else setTimeout(member.leave, at % 20)
    }
    await Promise.all(members.map(({ fate }) => fate))
  }
}

/** What it holds after such a load, at the most: memory comes and goes with the garbage collector. */
async function warmUp(stage: FaultStage): Promise<Baseline> {
  let rssBytes = 0
  for (let round = 0; round < warmUpRounds; round += 1) {
    await abortMany(stage, aborts / 4)
    rssBytes = Math.max(rssBytes, (await baselineOf(stage.narwhal)).rssBytes)
  }
  expect((await stage.nar()).status).toBe(200)
  return { ...stage.baseline, rssBytes }
}

faultTest(
  `R6: ${aborts} aborted downloads: no crash, no leak`,
  { totalBytes: 8_000_000, timeout: 300_000 },
  async (stage) => {
    const { narwhal, upstreams } = stage
    const warm = await warmUp(stage)
    await abortMany(stage, aborts)
    expect((await stage.nar()).status).toBe(200)
    expect(narwhal.stderr).not.toMatch(/"level":50|unhandled|MaxListeners/i)
    await expectCalm(narwhal, warm, { peers: upstreams, memory: true })
  },
)
