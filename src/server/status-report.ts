import type { Narinfos } from '../proxy/narinfos.ts'
import type { DownloadProgress, Nars } from '../proxy/nars.ts'
import type { AheadReport, Prefetch } from '../proxy/prefetch.ts'
import type { Recompression, RecompressionReport } from '../proxy/recompression.ts'
import type { Upstream } from '../proxy/upstream.ts'
import type { Disk } from '../store/disk.ts'
import type { PrefetchCounters, Telemetry, UpstreamFailure } from '../telemetry.ts'
import { type Health, judgeHealth } from './health.ts'
import type { Streams } from './streams.ts'

/** The running server, as far as its status needs it. */
export interface StatusSources {
  readonly version: string
  readonly startedAt: Date
  readonly addresses: readonly string[]
  readonly isStopping: () => boolean
  readonly memoryBytes: number
  readonly streams: Streams
  readonly disk: Disk
  readonly upstreams: readonly Upstream[]
  readonly narinfos: Narinfos
  readonly nars: Nars
  readonly prefetch: Prefetch
  readonly recompression: Recompression
  readonly telemetry: Telemetry
}

/** What `GET /api/v1/status` says: the state of the server in one reading. */
export interface StatusReport extends Health {
  readonly version: string
  readonly node: string
  /** RFC 3339. */
  readonly startedAt: string
  readonly uptimeSeconds: number
  readonly addresses: readonly string[]
  /** As configured, in that order. */
  readonly upstreams: readonly UpstreamReport[]
  readonly cache: {
    readonly bytes: number
    /** Of these, what was pushed here and is never evicted. */
    readonly originBytes: number
    readonly maxBytes: number
    /** Promised to downloads that run. */
    readonly reservedBytes: number
    /** Of the file system. */
    readonly freeBytes: number
    readonly minFreeBytes: number
    readonly evictions: number
    readonly evictedBytes: number
    readonly indexIsComplete: boolean
    /** False while the disk is sick: what passes through is not kept. */
    readonly isStoring: boolean
  }
  readonly memory: {
    readonly narinfos: number
    readonly bytes: number
    readonly maxBytes: number
    /** Paths remembered as absent. */
    readonly absences: number
    readonly residentBytes: number
  }
  readonly requests: Telemetry['requests']
  readonly sentBytes: Telemetry['sentBytes']
  readonly brokenResponses: number
  readonly shedRequests: number
  /** NARs being sent to clients. */
  readonly streams: number
  readonly downloads: readonly DownloadProgress[]
  readonly recompress: RecompressionReport
  readonly prefetch: {
    /** Fetched, or being fetched, and not asked for yet. */
    readonly ahead: AheadReport
    readonly narinfo: PrefetchCounters
    readonly nar: PrefetchCounters
  }
}

export interface UpstreamReport {
  readonly name: string
  readonly priority: number
  /** False while it is not asked, because it failed too often or asked for patience. */
  readonly isUp: boolean
  readonly requests: number
  readonly failures: number
  readonly receivedBytes: number
  /** The last one there was, also when the upstream is well again. */
  readonly lastError: LastError | undefined
}

export interface LastError {
  readonly code: string
  readonly message: string
  /** RFC 3339. */
  readonly at: string
}

/** Reads the state of everything. Costs the same however much is cached. */
export async function reportStatus(sources: StatusSources): Promise<StatusReport> {
  const { telemetry, disk, narinfos, nars } = sources
  const { requests, sentBytes, brokenResponses, shedRequests, evictions, evictedBytes } = telemetry
  const upstreams = sources.upstreams.map((upstream) => reportUpstream(upstream, telemetry))
  const space = await disk.lastSpace()
  const cache = {
    ...space,
    evictions,
    evictedBytes,
    indexIsComplete: disk.isIndexComplete,
    isStoring: disk.isStoring,
  }
  return {
    ...judgeHealth({ isStopping: sources.isStopping(), upstreams, cache }),
    version: sources.version,
    node: process.version,
    startedAt: sources.startedAt.toISOString(),
    uptimeSeconds: Math.floor(process.uptime()),
    addresses: sources.addresses,
    upstreams,
    cache,
    memory: {
      ...narinfos.memory,
      maxBytes: sources.memoryBytes,
      residentBytes: process.memoryUsage.rss(),
    },
    requests,
    sentBytes,
    brokenResponses,
    shedRequests,
    streams: sources.streams.running,
    downloads: nars.inProgress(),
    prefetch: { ahead: sources.prefetch.report, ...telemetry.prefetch },
    recompress: sources.recompression.report(),
  }
}

function reportUpstream({ source, priority }: Upstream, telemetry: Telemetry): UpstreamReport {
  const { durations, failures, receivedBytes, lastFailure } = telemetry.upstream(source.name)
  const asked = [...durations.narinfo.counts, ...durations.nar.counts]
  return {
    name: source.name,
    priority,
    isUp: source.awaySince === undefined,
    requests: asked.reduce((sum, count) => sum + count, 0),
    failures: failures.narinfo + failures.nar,
    receivedBytes,
    lastError: lastFailure && asLastError(lastFailure),
  }
}

function asLastError({ code, message, at }: UpstreamFailure): LastError {
  return { code, message, at: new Date(at).toISOString() }
}
