import type { ErrorCode } from './errors.ts'

/** Fields that go with a log line; values must be JSON. */
export type LogFields = Readonly<Record<string, unknown>>

/** What rooms below the server see of the log: they know no exporter and no format. */
export interface Log {
  /** True when lines that only debugging wants are written. */
  readonly isDebug?: boolean
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** A log that keeps nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

export const requestKinds = ['narinfo', 'nar', 'cache-info', 'other'] as const
export type RequestKind = (typeof requestKinds)[number]

/**
 * How a request ended; each has exactly one result. `miss` went to an upstream, `coalesced` shared
 * another request's way there, `prefetched` got what had been fetched before anybody asked, as the
 * first to ask, `negative` is a certain no, `refused` was nothing we serve, `failed` got an error,
 * `aborted` left before its answer began.
 */
export const requestResults = [
  'hit',
  'miss',
  'negative',
  'stale',
  'coalesced',
  'prefetched',
  'refused',
  'failed',
  'aborted',
] as const
export type RequestResult = (typeof requestResults)[number]

export const byteSources = ['memory', 'disk', 'download'] as const
export type ByteSource = (typeof byteSources)[number]

export const upstreamKinds = ['narinfo', 'nar'] as const
export type UpstreamKind = (typeof upstreamKinds)[number]

/** What came of what was fetched before a client asked for it, of one kind. Bytes of narinfos or NARs. */
export interface PrefetchCounters {
  /** Ended, whole or not; or taken over by a client that asked meanwhile. */
  fetched: number
  fetchedBytes: number
  /** Of these: a client asked for it. */
  used: number
  usedBytes: number
  /** Of these: nobody asked in time, or it broke off. */
  wasted: number
  wastedBytes: number
}

/** Why what an upstream sent was not believed. */
export const verificationReasons = ['signature', 'store-path', 'url', 'format', 'hash'] as const
export type VerificationReason = (typeof verificationReasons)[number]

const reasonOf: Readonly<Partial<Record<ErrorCode, VerificationReason>>> = {
  UNTRUSTED: 'signature',
  WRONG_STORE_PATH: 'store-path',
  FOREIGN_URL: 'url',
  BAD_NARINFO: 'format',
  CORRUPT: 'hash',
}

/** What may be pushed; `other` is what goes with a path: listings, logs, realisations. */
export const uploadKinds = ['nar', 'narinfo', 'other', 'delete'] as const
export type UploadKind = (typeof uploadKinds)[number]

/**
 * `denied` came without a token that counts, `refused` was wrong in itself, `failed` met no room or a
 * fault, `aborted` broke off.
 */
export const uploadResults = ['taken', 'denied', 'refused', 'failed', 'aborted'] as const
export type UploadResult = (typeof uploadResults)[number]

/** What was pushed. */
export interface UploadCounters {
  readonly requests: Readonly<Record<UploadKind, Record<UploadResult, number>>>
  /** Of NARs, whether they were taken in the end or not. */
  receivedBytes: number
  /** NARs that wait for their narinfos now. */
  pendingFiles: number
  pendingBytes: number
}

/** How long things took: counts per bucket, in seconds. */
export interface Durations {
  /** One more than there are bounds: the last is for what took longer. */
  readonly counts: number[]
  sumSeconds: number
}

/** Upper bounds of the buckets, in seconds: from a cache in the next room to a timeout. */
export const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

export interface UpstreamCounters {
  /** Until the answer's beginning, for each kind of request. */
  readonly durations: Readonly<Record<UpstreamKind, Durations>>
  readonly failures: Record<UpstreamKind, number>
  readonly verificationFailures: Record<VerificationReason, number>
  receivedBytes: number
  lastFailure: UpstreamFailure | undefined
}

export interface UpstreamFailure {
  readonly code: string
  readonly message: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * What the server counts while it works. Plain numbers that every room adds to: counting must cost
 * nothing on the way of a request, so names and formats come in only when somebody asks.
 */
export interface Telemetry {
  readonly requests: Readonly<Record<RequestKind, Record<RequestResult, number>>>
  /** Bytes of narinfos and NARs, without headers. */
  readonly sentBytes: Record<ByteSource, number>
  /** Answers cut off after they had begun, because the rest was wrong or would not come. */
  brokenResponses: number
  /** Requests and connections turned away because there was too much to do. */
  shedRequests: number
  /** From a request's arrival until the head of its answer, for what was in memory or on the disk. */
  readonly hitDurations: Durations
  evictions: number
  evictedBytes: number
  readonly prefetch: Readonly<Record<UpstreamKind, PrefetchCounters>>
  readonly uploads: UploadCounters
  /** Bytes of NARs from all upstreams together, also from those that are configured no more. */
  readonly receivedBytes: number
  /** The counters of one upstream, made when first asked for. */
  upstream(name: string): UpstreamCounters
}

/** @returns counters at zero */
export function createTelemetry(): Telemetry {
  const upstreams = new Map<string, UpstreamCounters>()
  return {
    requests: zeros(requestKinds, () => zeros(requestResults, () => 0)),
    sentBytes: zeros(byteSources, () => 0),
    brokenResponses: 0,
    shedRequests: 0,
    hitDurations: noDurations(),
    evictions: 0,
    evictedBytes: 0,
    prefetch: zeros(upstreamKinds, prefetchCounters),
    uploads: {
      requests: zeros(uploadKinds, () => zeros(uploadResults, () => 0)),
      receivedBytes: 0,
      pendingFiles: 0,
      pendingBytes: 0,
    },
    get receivedBytes() {
      let bytes = 0
      for (const counters of upstreams.values()) bytes += counters.receivedBytes
      return bytes
    },
    upstream(name) {
      let counters = upstreams.get(name)
      if (!counters) {
        counters = upstreamCounters()
        upstreams.set(name, counters)
      }
      return counters
    },
  }
}

export function addDuration(durations: Durations, seconds: number): void {
  let bucket = 0
  while (bucket < durationBounds.length && seconds > (durationBounds[bucket] as number)) bucket += 1
  durations.counts[bucket] = (durations.counts[bucket] ?? 0) + 1
  durations.sumSeconds += seconds
}

/** Counts a fault if it means that what came was not believed; other faults it leaves alone. */
export function countUnverified(counters: UpstreamCounters, code: ErrorCode): void {
  const reason = reasonOf[code]
  if (reason) counters.verificationFailures[reason] += 1
}

function prefetchCounters(): PrefetchCounters {
  return { fetched: 0, fetchedBytes: 0, used: 0, usedBytes: 0, wasted: 0, wastedBytes: 0 }
}

function noDurations(): Durations {
  return { counts: new Array<number>(durationBounds.length + 1).fill(0), sumSeconds: 0 }
}

function upstreamCounters(): UpstreamCounters {
  return {
    durations: zeros(upstreamKinds, noDurations),
    failures: zeros(upstreamKinds, () => 0),
    verificationFailures: zeros(verificationReasons, () => 0),
    receivedBytes: 0,
    lastFailure: undefined,
  }
}

function zeros<Name extends string, Value>(
  names: readonly Name[],
  zero: () => Value,
): Record<Name, Value> {
  return Object.fromEntries(names.map((name) => [name, zero()])) as Record<Name, Value>
}
