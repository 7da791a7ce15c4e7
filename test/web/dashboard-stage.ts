import type { NarInfo } from '../../src/nix/narinfo.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { pauseAfter } from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

/** A real server before an upstream that can be made to pause in the middle of a NAR. */
export async function dashboardStage() {
  const cache = await syntheticCache({ paths: 3, totalBytes: 4_000_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    env: { NARWHAL_LIMITS_PATIENCE: '200ms', NARWHAL_PREFETCH_NARS: 'false' },
  })
  const [info] = [...cache.infos].sort((a, b) => (b.fileSize ?? 0) - (a.fileSize ?? 0)) as [NarInfo]
  const narinfo = () => requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
  const nar = () => requestRaw(`${narwhal.url}/${info.url}`)
  return {
    cache,
    upstream,
    narwhal,
    info,
    narinfo,
    nar,
    /** Begins to fetch the NAR, which comes to a halt half way. */
    async fetchHalf() {
      const gate = Promise.withResolvers<void>()
      upstream.script(`/${info.url}`, pauseAfter((info.fileSize ?? 0) / 2, gate.promise))
      await narinfo()
      return { finish: () => gate.resolve(), response: nar() }
    },
  }
}
