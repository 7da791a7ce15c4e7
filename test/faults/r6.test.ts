import { expect } from 'vitest'
import { joinCrowd } from '../support/crowd.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import { expectNoGrowth } from '../support/oracles.ts'

const isLong = process.env.LONG === '1'
const aborts = isLong ? 10_000 : 2_000
const atOnce = 100
const rounds = 5

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

/** Bytes the server holds after each of some rounds of the same load. */
async function loadInRounds(stage: FaultStage): Promise<number[]> {
  const held: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    await abortMany(stage, aborts / rounds / 2)
    expect((await stage.nar()).status).toBe(200)
    held.push(await stage.narwhal.rssBytes())
  }
  return held
}

faultTest(
  `R6: ${aborts} aborted downloads: no crash, no leak`,
  { totalBytes: 8_000_000, timeout: 300_000 },
  async (stage) => {
    const load = async () => [await loadInRounds(stage), await loadInRounds(stage)]
    const [warm, later] = await stage.expectQuickHits(load, { atOnce })
    expect(stage.narwhal.stderr).not.toMatch(/"level":50|unhandled|MaxListeners/i)
    expectNoGrowth(warm ?? [], later ?? [])
  },
)
