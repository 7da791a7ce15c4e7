import { formatDuration, formatSize } from '../units.ts'

/** What a well-kept cache achieves. `unknown` is what cannot be told yet, and says what would tell. */
export interface Criterion {
  readonly name: string
  readonly state: 'met' | 'missed' | 'unknown'
  readonly detail: string
}

export interface CriteriaFacts {
  /** Share of hits answered within 100 ms, 0 to 1; undefined before the first. */
  readonly quickHitShare: number | undefined
  /** Within which 99 of 100 hits were answered, in seconds. */
  readonly slowHitSeconds: number | undefined
  /** Within which 99 of 100 waits for the event loop ended of late, in seconds. */
  readonly loopDelaySeconds: number
  /** Bytes sent in the best second. */
  readonly peakSentPerSecond: number
  readonly uptimeSeconds: number
  readonly requests: number
  readonly failedRequests: number
  /** Of the whole machine since it started; undefined where the system does not say. */
  readonly oomKills: number | undefined
  readonly isStoring: boolean
  readonly freeBytes: number
  readonly minFreeBytes: number
  /** Faults of the disk since the server started. */
  readonly diskFaults: number
}

const quickHitSeconds = 0.1
/** One hit in a hundred may be slow before this counts as missed. */
const quickHitsWanted = 0.99
const throughputWantedBits = 800e6
const availabilityWanted = 0.99

/** Judges by what was seen since the server started; a figure nobody has seen is never green. */
export function judgeCriteria(facts: CriteriaFacts): Criterion[] {
  return [
    hitLatency(facts),
    throughput(facts),
    availability(facts),
    memoryKills(facts),
    diskRoom(facts),
  ]
}

function hitLatency(facts: CriteriaFacts): Criterion {
  const { quickHitShare, slowHitSeconds, loopDelaySeconds } = facts
  const name = 'Hits answered within 100 ms'
  if (quickHitShare === undefined || slowHitSeconds === undefined)
    return { name, state: 'unknown', detail: 'No hit yet. Ask for a path a second time.' }
  const within = `99 % within ${formatSeconds(slowHitSeconds)}`
  if (quickHitShare < quickHitsWanted)
    return {
      name,
      state: 'missed',
      detail: `${percent(1 - quickHitShare)} took longer (${within}). The disk is slow or the processor busy: see narwhal monitor.`,
    }
  if (loopDelaySeconds > quickHitSeconds)
    return {
      name,
      state: 'missed',
      detail: `${within}, but before that up to ${formatSeconds(loopDelaySeconds)} of waiting for the processor. Something takes the processor: lower recompress.workers or limits.max_downloads.`,
    }
  return {
    name,
    state: 'met',
    detail: `${within}, after ${formatSeconds(loopDelaySeconds)} of waiting for the processor at most.`,
  }
}

function throughput({ peakSentPerSecond }: CriteriaFacts): Criterion {
  const name = 'More than 800 Mbit/s'
  const bits = peakSentPerSecond * 8
  const best = `Best second so far: ${(bits / 1e6).toFixed(bits < 1e7 ? 1 : 0)} Mbit/s.`
  if (bits > throughputWantedBits) return { name, state: 'met', detail: best }
  if (bits === 0)
    return { name, state: 'unknown', detail: 'Nothing sent yet. To measure it: narwhal bench.' }
  return {
    name,
    state: 'unknown',
    detail: `${best} Nobody may have asked for more; narwhal bench measures it.`,
  }
}

function availability(facts: CriteriaFacts): Criterion {
  const { uptimeSeconds, requests, failedRequests } = facts
  const name = 'Available more than 99 %'
  const since = `up for ${formatDuration(uptimeSeconds * 1000)}`
  if (requests === 0) return { name, state: 'met', detail: `Nothing failed; ${since}.` }
  const share = 1 - failedRequests / requests
  if (share > availabilityWanted)
    return { name, state: 'met', detail: `${percent(share)} of requests served, ${since}.` }
  return {
    name,
    state: 'missed',
    detail: `${percent(1 - share)} of requests failed, ${since}. The recent errors say why.`,
  }
}

function memoryKills({ oomKills }: CriteriaFacts): Criterion {
  const name = 'No process killed for want of memory'
  if (oomKills === undefined)
    return { name, state: 'unknown', detail: 'This system does not count them.' }
  if (oomKills === 0) return { name, state: 'met', detail: 'None since this machine started.' }
  return {
    name,
    state: 'missed',
    detail: `${oomKills} since this machine started: journalctl -k names them. Lower max-jobs, add zram, or add memory.`,
  }
}

function diskRoom(facts: CriteriaFacts): Criterion {
  const { isStoring, freeBytes, minFreeBytes, diskFaults } = facts
  const name = 'No full disk'
  const free = `${formatSize(freeBytes)} free`
  if (!isStoring)
    return {
      name,
      state: 'missed',
      detail: `The disk cannot be written, ${free}. Check space, permissions and health of the disk.`,
    }
  if (freeBytes < minFreeBytes)
    return {
      name,
      state: 'missed',
      detail: `${free}, less than cache.min_free (${formatSize(minFreeBytes)}): others fill this file system.`,
    }
  if (diskFaults > 0)
    return {
      name,
      state: 'missed',
      detail: `${diskFaults} faults of the disk since the start, ${free} now. The log names them.`,
    }
  return { name, state: 'met', detail: `${free}; the floor is ${formatSize(minFreeBytes)}.` }
}

function formatSeconds(seconds: number): string {
  if (seconds >= 1) return `${seconds.toFixed(1)} s`
  const ms = seconds * 1000
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}

/** Never says 100 % of what is not all. */
function percent(share: number): string {
  const value = share * 100
  if (value > 0 && value < 0.01) return 'less than 0.01 %'
  const digits = value > 99 && value < 100 ? 2 : value < 10 ? 1 : 0
  const text = value.toFixed(digits)
  return `${value < 100 && Number(text) === 100 ? '99.99' : Number(text)} %`
}
