import type { StatusReport, UpstreamReport } from '../../server/status-report.ts'
import { byteSources, requestKinds, requestResults } from '../../telemetry.ts'

const zeros = <Name extends string, Value>(names: readonly Name[], value: Value) =>
  Object.fromEntries(names.map((name) => [name, value])) as Record<Name, Value>

/** What is shown of a status. */
export interface ShownStatus
  extends Pick<StatusReport, 'state' | 'notes' | 'version' | 'startedAt' | 'uptimeSeconds'>,
    Pick<StatusReport, 'addresses' | 'requests' | 'sentBytes' | 'downloads' | 'streams'>,
    Pick<StatusReport, 'brokenResponses' | 'shedRequests'> {
  readonly cache: Pick<
    StatusReport['cache'],
    'bytes' | 'maxBytes' | 'freeBytes' | 'evictions' | 'evictedBytes' | 'isStoring'
  >
  readonly memory: Pick<
    StatusReport['memory'],
    'narinfos' | 'bytes' | 'maxBytes' | 'absences' | 'residentBytes'
  >
  readonly upstreams: readonly Pick<
    UpstreamReport,
    'name' | 'isUp' | 'requests' | 'failures' | 'receivedBytes' | 'lastError'
  >[]
  readonly prefetch: {
    /** Fetched, or being fetched, and not asked for yet. */
    readonly ahead: { readonly nars: number; readonly narBytes: number }
    readonly nar: {
      readonly fetched: number
      readonly fetchedBytes: number
      readonly used: number
      readonly usedBytes: number
    }
  }
  readonly recompress: Pick<
    StatusReport['recompress'],
    'isOn' | 'queued' | 'running' | 'done' | 'failed' | 'bytesBefore' | 'bytesAfter'
  > & {
    /** Empty where the server does not say. */
    readonly reason: string
    /** Empty while it works, or has nothing to do. */
    readonly pausedBecause: string
  }
}

/** A status about nothing. */
const nothing: ShownStatus = {
  state: 'unready',
  notes: [],
  version: '?',
  startedAt: '',
  uptimeSeconds: 0,
  addresses: [],
  upstreams: [],
  cache: {
    bytes: 0,
    maxBytes: 0,
    freeBytes: 0,
    evictions: 0,
    evictedBytes: 0,
    isStoring: true,
  },
  memory: { narinfos: 0, bytes: 0, maxBytes: 0, absences: 0, residentBytes: 0 },
  requests: zeros(requestKinds, zeros(requestResults, 0)),
  sentBytes: zeros(byteSources, 0),
  brokenResponses: 0,
  shedRequests: 0,
  streams: 0,
  downloads: [],
  prefetch: {
    ahead: { nars: 0, narBytes: 0 },
    nar: { fetched: 0, fetchedBytes: 0, used: 0, usedBytes: 0 },
  },
  recompress: {
    ...{ isOn: false, reason: '', pausedBecause: '', queued: 0, running: 0 },
    ...{ done: 0, failed: 0, bytesBefore: 0, bytesAfter: 0 },
  },
}

/** One element of each list in it. */
const elements: Readonly<Record<string, unknown>> = {
  notes: { code: '', message: '' },
  addresses: '',
  upstreams: {
    name: '?',
    isUp: true,
    requests: 0,
    failures: 0,
    receivedBytes: 0,
    lastError: { code: '', message: '', at: '' },
  },
  downloads: { file: '?', receivedBytes: 0, bytes: 0, readers: 0, isWaiting: false },
}
/** What an element may well be without. */
const optional = new Set(['lastError', 'bytes'])

/**
 * Makes a status that can be shown of what a server of any version answers: what it lacks, or what
 * is of another kind than it should be, becomes zero or nothing.
 *
 * @returns undefined when it is no status of a narwhal at all
 */
export function readStatus(answer: unknown): ShownStatus | undefined {
  if (!isObject(answer) || typeof answer.uptimeSeconds !== 'number') return undefined
  if (!['ready', 'degraded', 'unready'].includes(String(answer.state))) return undefined
  return complete(nothing, answer) as ShownStatus
}

function complete(model: unknown, value: unknown, name = ''): unknown {
  if (Array.isArray(model)) {
    const element = elements[name]
    return Array.isArray(value) ? value.map((one) => completeElement(element, one)) : []
  }
  if (isObject(model)) {
    const has = isObject(value) ? value : {}
    return Object.fromEntries(
      Object.entries(model).map(([key, part]) => [key, complete(part, has[key], key)]),
    )
  }
  return typeof value === typeof model ? value : model
}

/** In an element of a list, what is not known stays unknown. */
function completeElement(model: unknown, value: unknown): unknown {
  if (!isObject(model)) return complete(model, value)
  const has = isObject(value) ? value : {}
  return Object.fromEntries(
    Object.entries(model).map(([key, part]) => {
      const isUnknown = optional.has(key) && (has[key] === undefined || has[key] === null)
      return [key, isUnknown ? undefined : complete(part, has[key], key)]
    }),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
