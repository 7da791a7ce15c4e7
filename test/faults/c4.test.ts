import { expect } from 'vitest'
import { seededRandom } from '../../src/cli/demo/random.ts'
import { encodeBase32 } from '../../src/nix/base32.ts'
import { joinCrowd } from '../support/crowd.ts'
import { faultTest } from '../support/fault-stage.ts'

const isLong = process.env.LONG === '1'
const questions = isLong ? 10_000 : 2_000
/** limits.upstream_connections by default */
const maxConnections = 64

faultTest(
  `C4: ${questions} distinct narinfo misses at once: bounded upstream, no 5xx`,
  { timeout: 240_000, env: { NARWHAL_LIMITS_MAX_CLIENTS: '20000' } },
  async (stage) => {
    const { narwhal, upstream } = stage
    upstream.delayMs = 20
    let most = 0
    upstream.script(/./, (answer) => {
      most = Math.max(most, upstream.connections)
      return answer
    })
    const random = seededRandom('C4')
    const ask = () => {
      const path = `/${encodeBase32(random.bytes(20))}.narinfo`
      return joinCrowd(narwhal.port, path, new Uint8Array()).fate
    }
    const fates = await stage.expectQuickHits(
      () => Promise.all(Array.from({ length: questions }, ask)),
      { atOnce: questions },
    )
    expect(fates.filter(({ status }) => status !== 404)).toEqual([])
    expect(upstream.count(/\.narinfo$/)).toBe(questions + 1)
    expect(most).toBeLessThanOrEqual(maxConnections)
    expect((await stage.narinfo()).status).toBe(200)
  },
)
