import type { Telemetry } from '../telemetry.ts'
import type { StatusReport } from './status-report.ts'
import type { TrafficSampler } from './traffic-sampler.ts'

/** What the cache has saved its clients since the server started. */
export interface Savings {
  /** Hits among the requests for narinfos and NARs that could be one, 0 to 1; undefined before any. */
  readonly hitShare: number | undefined
  readonly servedBytes: number
  readonly fetchedBytes: number
  /** Served and not fetched for it; never negative, though what is fetched ahead may outweigh it. */
  readonly savedBytes: number
  /** Undefined while the upstreams' speed is not known, since nothing was fetched yet. */
  readonly savedSeconds: number | undefined
  /** What the estimate rests on: bytes a second while something comes in. */
  readonly upstreamBytesPerSecond: number | undefined
  /** And this: until an upstream has answered for a narinfo, on average. */
  readonly upstreamSeconds: number | undefined
}

/** Nix asks for so many narinfos at once, so their waits overlap (http-connections). */
const parallelQuestions = 25

/**
 * Estimates what hits saved: the bytes not fetched at the speed the upstreams have shown, and the
 * narinfos not asked for at their mean latency, 25 at a time.
 */
export function savingsOf(
  status: StatusReport,
  telemetry: Telemetry,
  sampler: Pick<TrafficSampler, 'receivedBytes' | 'fetchBytesPerSecond'>,
): Savings {
  const { narinfo, nar } = status.requests
  const hits = narinfo.hit + narinfo.prefetched + nar.hit + nar.prefetched
  const asked = hits + narinfo.miss + narinfo.coalesced + nar.miss + nar.coalesced
  const servedBytes = Object.values(status.sentBytes).reduce((sum, bytes) => sum + bytes, 0)
  const savedBytes = Math.max(0, servedBytes - sampler.receivedBytes)
  const upstreamBytesPerSecond = sampler.fetchBytesPerSecond
  const upstreamSeconds = meanSeconds(status, telemetry)
  const narinfoSeconds = ((upstreamSeconds ?? 0) * narinfo.hit) / parallelQuestions
  return {
    hitShare: asked === 0 ? undefined : hits / asked,
    servedBytes,
    fetchedBytes: sampler.receivedBytes,
    savedBytes,
    savedSeconds:
      upstreamBytesPerSecond === undefined
        ? undefined
        : savedBytes / upstreamBytesPerSecond + narinfoSeconds,
    upstreamBytesPerSecond,
    upstreamSeconds,
  }
}

function meanSeconds({ upstreams }: StatusReport, telemetry: Telemetry): number | undefined {
  let seconds = 0
  let count = 0
  for (const { name } of upstreams) {
    const { counts, sumSeconds } = telemetry.upstream(name).durations.narinfo
    seconds += sumSeconds
    for (const of of counts) count += of
  }
  return count === 0 ? undefined : seconds / count
}
