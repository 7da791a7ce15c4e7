import { expect } from 'vitest'
import { joinCrowd } from '../support/crowd.ts'
import { faultTest } from '../support/fault-stage.ts'

const clients = 1000

faultTest(
  `C3: ${clients} clients want one cold NAR: one fetch`,
  { timeout: 180_000 },
  async (stage) => {
    const { narwhal, upstream, info, bytes } = stage
    const read = () => joinCrowd(narwhal.port, `/${info.url}`, bytes).fate
    const fates = await stage.expectQuickHits(
      () => Promise.all(Array.from({ length: clients }, read)),
      { atOnce: clients },
    )
    expect(fates.filter(({ isRight }) => !isRight)).toEqual([])
    expect(upstream.count(/^\/nar\//)).toBe(1)
  },
)

faultTest(
  `C3: ${clients} clients want one cold narinfo: one question`,
  { timeout: 180_000 },
  async (stage) => {
    const { narwhal, upstream, info } = stage
    upstream.delayMs = 500
    const right = (await stage.narinfo()).body
    await narwhal.stop()
    await narwhal.restart()
    upstream.forget()
    const path = `/${info.storePath.hash}.narinfo`
    const members = Array.from({ length: clients }, () => joinCrowd(narwhal.port, path, right))
    const fates = await Promise.all(members.map(({ fate }) => fate))
    expect(fates.filter(({ isRight }) => !isRight)).toEqual([])
    expect(upstream.count()).toBeLessThanOrEqual(1)
  },
)
