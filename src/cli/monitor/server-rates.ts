import {
  type RequestKind,
  type RequestResult,
  requestKinds,
  requestResults,
} from '../../telemetry.ts'
import type { ShownStatus } from '../status/read-status.ts'

/** What a server did between two readings of its status, for a second of that time. */
export interface ServerRates {
  /** Of a cache: looking at the status counts as a request too, which is nobody's but ours. */
  readonly requestsPerSecond: number
  readonly byKind: Readonly<Record<RequestKind, number>>
  /** Of those of a cache. */
  readonly byResult: Readonly<Record<RequestResult, number>>
  /** Undefined when nothing was asked that could have been a hit. */
  readonly hitPercent: number | undefined
  readonly sentBytesPerSecond: number
  readonly fetchedBytesPerSecond: number
}

const cacheKinds = requestKinds.filter((kind) => kind !== 'other')

type Requests = ShownStatus['requests']

/**
 * @param seconds between the readings
 * @returns undefined when the server was started anew in between
 */
export function ratesBetween(
  before: ShownStatus,
  after: ShownStatus,
  seconds: number,
): ServerRates | undefined {
  if (before.startedAt !== after.startedAt || seconds <= 0) return undefined
  const perSecond = (count: (status: ShownStatus) => number) =>
    Math.max(0, count(after) - count(before)) / seconds
  const byKind = Object.fromEntries(
    requestKinds.map((kind) => [kind, perSecond(({ requests }) => countOf(requests, { kind }))]),
  ) as Record<RequestKind, number>
  const byResult = Object.fromEntries(
    requestResults.map((result) => [
      result,
      perSecond(({ requests }) => countOf(requests, { result })),
    ]),
  ) as Record<RequestResult, number>
  return {
    requestsPerSecond: cacheKinds.reduce((sum, kind) => sum + byKind[kind], 0),
    byKind,
    byResult,
    hitPercent: hitPercent(byResult),
    sentBytesPerSecond: perSecond(sentBytes),
    fetchedBytesPerSecond: perSecond(fetchedBytes),
  }
}

/** Hits among what could have been one, since the server's start. */
export function hitPercentOf({ requests }: ShownStatus): number | undefined {
  const counts = requestResults.map((result) => [result, countOf(requests, { result })])
  return hitPercent(Object.fromEntries(counts) as Record<RequestResult, number>)
}

export function sentBytes({ sentBytes }: ShownStatus): number {
  return Object.values(sentBytes).reduce((sum, bytes) => sum + bytes, 0)
}

export function fetchedBytes({ upstreams }: ShownStatus): number {
  return upstreams.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
}

/** What was fetched ahead of the client was there when it asked: to the client, a hit. */
function hitPercent(counts: Readonly<Record<RequestResult, number>>): number | undefined {
  const hits = counts.hit + counts.prefetched
  const all = hits + counts.miss + counts.coalesced
  return all === 0 ? undefined : (hits / all) * 100
}

/** A server of another version may know kinds and results that we do not, or lack some. */
function countOf(
  requests: Requests,
  wanted: { readonly kind?: RequestKind; readonly result?: RequestResult },
): number {
  let sum = 0
  for (const kind of wanted.kind ? [wanted.kind] : cacheKinds)
    for (const result of wanted.result ? [wanted.result] : requestResults)
      sum += requests[kind]?.[result] ?? 0
  return sum
}
