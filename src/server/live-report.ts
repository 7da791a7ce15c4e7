import { LRUCache } from 'lru-cache'
import { countOomKills } from '../host/oom-kills.ts'
import type { DownloadProgress } from '../proxy/nars.ts'
import type { Disk } from '../store/disk.ts'
import { infoOf } from '../store/record-info.ts'
import type { NarAge } from '../store/sqlite-index.ts'
import type { HistorySample } from './history.ts'
import type { PopularFile, PopularFiles } from './popular-files.ts'
import { quantileSeconds, shareWithin } from './quantile.ts'
import type { RecentError, RecentErrors } from './recent-errors.ts'
import { type Savings, savingsOf } from './savings.ts'
import { reportStatus, type StatusReport, type StatusSources } from './status-report.ts'
import { type Criterion, judgeCriteria } from './success-criteria.ts'
import type { TrafficSampler } from './traffic-sampler.ts'

/** What the page at `/` shows: the status, and what only people care about. */
export interface LiveReport {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly status: StatusReport
  readonly traffic: {
    /** The newest of the last hour, for those who have the others. */
    readonly sample: (HistorySample & { readonly at: number }) | undefined
    readonly sentPerSecond: number
    readonly receivedPerSecond: number
    readonly savings: Savings
  }
  readonly transfers: readonly (DownloadProgress & Named)[]
  /** In the order of the status. */
  readonly latencies: readonly Latency[]
  /** What leaves the disk first when room is needed. */
  readonly leavesNext: readonly (NarAge & Named)[]
  readonly popular: readonly (PopularFile & Named)[]
  readonly errors: readonly RecentError[]
  readonly criteria: readonly Criterion[]
}

interface Named {
  readonly file: string
  /** Of the package, from the store path; undefined for a file known by nothing else. */
  readonly name: string | undefined
}

/** How long an upstream takes to answer for a narinfo, in seconds, as far as its buckets tell. */
export interface Latency {
  readonly median: number | undefined
  /** 95 of 100 answers come within. */
  readonly slow: number | undefined
}

export interface LiveSources {
  readonly status: StatusSources
  readonly sampler: TrafficSampler
  readonly popular: PopularFiles
  readonly errors: RecentErrors
  readonly loopDelaySeconds: () => number
}

const shownVictims = 5
const shownPopular = 8
/** Names and what leaves next change slowly, and cost a look into the index. */
const maxNames = 1_000
const victimsEveryMs = 10_000
const quickHitSeconds = 0.1

/** Makes live reports; each costs the same however much is cached. */
export class LiveReports {
  readonly #names = new LRUCache<string, string>({ max: maxNames })
  #leavesNext: readonly NarAge[] = []
  #leavesNextAt = Number.NEGATIVE_INFINITY

  /** @throws the system's error when the disk cannot be asked for its room */
  async make(sources: LiveSources): Promise<LiveReport> {
    const { sampler, popular, errors } = sources
    const { disk, telemetry } = sources.status
    const status = await reportStatus(sources.status)
    const named = <T extends { readonly file: string }>(item: T) => ({
      ...item,
      name: this.#nameOf(item.file, disk),
    })
    return {
      at: Date.now(),
      status,
      traffic: {
        sample: sampler.history.last(),
        sentPerSecond: Math.round(sampler.sentPerSecond),
        receivedPerSecond: Math.round(sampler.receivedPerSecond),
        savings: savingsOf(status, telemetry, sampler),
      },
      transfers: status.downloads.map(named),
      latencies: status.upstreams.map(({ name }) => {
        const { counts } = telemetry.upstream(name).durations.narinfo
        return { median: quantileSeconds(counts, 0.5), slow: quantileSeconds(counts, 0.95) }
      }),
      leavesNext: (await this.#victims(disk)).map(named),
      popular: popular.top(shownPopular).map(named),
      errors: errors.list(),
      criteria: judgeCriteria(criteriaFacts(sources, status)),
    }
  }

  async #victims(disk: Disk): Promise<readonly NarAge[]> {
    const now = performance.now()
    if (now - this.#leavesNextAt < victimsEveryMs) return this.#leavesNext
    this.#leavesNextAt = now
    const oldest = disk.collect({ maxBytes: 0, readBefore: 0 }, true)
    const victims: NarAge[] = []
    for await (const victim of oldest) {
      victims.push(victim)
      if (victims.length === shownVictims) break
    }
    this.#leavesNext = victims
    return victims
  }

  #nameOf(file: string, disk: Disk): string | undefined {
    const known = this.#names.get(file)
    if (known !== undefined) return known
    const [record] = [...disk.narinfosOfFile(file), ...disk.narinfosOfOriginal(file)]
    if (!record) return undefined
    const { name } = infoOf(record).storePath
    this.#names.set(file, name)
    return name
  }
}

function criteriaFacts(sources: LiveSources, status: StatusReport) {
  const { counts } = sources.status.telemetry.hitDurations
  const kinds = [status.requests.narinfo, status.requests.nar]
  const requests = kinds.flatMap((results) => Object.values(results))
  const { isStoring, freeBytes, minFreeBytes } = status.cache
  return {
    quickHitShare: shareWithin(counts, quickHitSeconds),
    slowHitSeconds: quantileSeconds(counts, 0.99),
    loopDelaySeconds: sources.loopDelaySeconds(),
    peakSentPerSecond: sources.sampler.peakSentPerSecond,
    uptimeSeconds: status.uptimeSeconds,
    requests: requests.reduce((sum, count) => sum + count, 0),
    failedRequests: kinds.reduce((sum, { failed }) => sum + failed, 0),
    oomKills: countOomKills(),
    ...{ isStoring, freeBytes, minFreeBytes },
    diskFaults: sources.errors.countOf('DISK'),
  }
}
