import {
  durationBounds,
  type PrefetchCounters,
  type Telemetry,
  upstreamKinds,
  verificationReasons,
} from '../telemetry.ts'
import { type Family, printExposition, type Sample } from './exposition.ts'
import type { ProcessFigures } from './process-figures.ts'
import type { StatusReport, UpstreamReport } from './status-report.ts'

/** What every metric is made from, read at one moment. */
export interface MetricsReading {
  readonly status: StatusReport
  readonly telemetry: Telemetry
  readonly process: ProcessFigures
  /** Browsers that listen to events. */
  readonly listeners: number
}

/**
 * Makes the metrics. Their labels are bounded by the configuration and the lists in telemetry.ts:
 * nothing a client or an upstream sends ever becomes one.
 */
export function metricsOf({ status, telemetry, process, listeners }: MetricsReading): Family[] {
  const { cache, memory, upstreams, recompress } = status
  const started = Date.parse(status.startedAt) / 1000
  const perKind = (figure: keyof PrefetchCounters): Sample[] =>
    upstreamKinds.map((kind) => ({ labels: { kind }, value: telemetry.prefetch[kind][figure] }))
  const isWorking = status.downloads.filter(({ isWaiting }) => !isWaiting).length
  return [
    gauge('build_info', 'Always 1; version and Node as labels.', [
      { labels: { version: status.version, node: status.node }, value: 1 },
    ]),
    gauge('ready', '1 while /readyz says 200.', status.state === 'unready' ? 0 : 1),
    gauge('start_time_seconds', 'When the server started, in seconds since 1970.', started),

    counter(
      'requests_total',
      'Requests by kind and by how they ended; each is counted once.',
      spread('kind', 'result', telemetry.requests),
    ),
    counter(
      'sent_bytes_total',
      'Bytes of narinfos and NARs sent, by where they came from.',
      Object.entries(telemetry.sentBytes).map(([source, value]) => ({ labels: { source }, value })),
    ),
    counter(
      'broken_responses_total',
      'Answers cut off after they had begun.',
      telemetry.brokenResponses,
    ),
    counter(
      'shed_requests_total',
      'Requests and connections turned away because there was too much to do.',
      telemetry.shedRequests,
    ),

    {
      name: 'narwhal_hit_seconds',
      help: 'From a request until the head of its answer, for what was in memory or on the disk.',
      type: 'histogram',
      bounds: durationBounds,
      samples: [{ counts: telemetry.hitDurations.counts, sum: telemetry.hitDurations.sumSeconds }],
    },

    gauge(
      'upstream_up',
      '0 while an upstream is not asked because it failed too often or asked for patience.',
      perUpstream(upstreams, ({ isUp }) => Number(isUp)),
    ),
    {
      name: 'narwhal_upstream_request_seconds',
      help: 'From asking an upstream until its answer began (NAR) or was whole (narinfo).',
      type: 'histogram',
      bounds: durationBounds,
      samples: upstreams.flatMap(({ name }) =>
        upstreamKinds.map((kind) => {
          const { counts, sumSeconds: sum } = telemetry.upstream(name).durations[kind]
          return { labels: { upstream: name, kind }, counts, sum }
        }),
      ),
    },
    counter(
      'upstream_failures_total',
      'Requests an upstream did not answer, or whose answer broke off.',
      upstreams.flatMap(({ name }) =>
        upstreamKinds.map((kind) => ({
          labels: { upstream: name, kind },
          value: telemetry.upstream(name).failures[kind],
        })),
      ),
    ),
    counter(
      'received_bytes_total',
      'Bytes of NARs received from an upstream.',
      perUpstream(upstreams, ({ receivedBytes }) => receivedBytes),
    ),
    counter(
      'verification_failures_total',
      'Answers of an upstream that were not believed, by reason.',
      upstreams.flatMap(({ name }) =>
        verificationReasons.map((reason) => ({
          labels: { upstream: name, reason },
          value: telemetry.upstream(name).verificationFailures[reason],
        })),
      ),
    ),

    gauge('cache_bytes', 'Bytes of NARs on the disk.', cache.bytes),
    gauge('cache_origin_bytes', 'Of these, what was pushed here.', cache.originBytes),
    gauge('cache_max_bytes', 'What cache.max_size comes to.', cache.maxBytes),
    gauge('cache_reserved_bytes', 'Promised to downloads that run.', cache.reservedBytes),
    gauge('disk_free_bytes', 'Free on the file system of the cache.', cache.freeBytes),
    gauge('disk_min_free_bytes', 'What cache.min_free comes to.', cache.minFreeBytes),
    counter('evictions_total', 'NARs evicted to make room.', cache.evictions),
    counter('evicted_bytes_total', 'Bytes evicted to make room.', cache.evictedBytes),
    gauge('storing', '0 while the disk cannot be written.', Number(cache.isStoring)),
    gauge(
      'index_complete',
      '0 while cache/ is read into a new index.',
      Number(cache.indexIsComplete),
    ),

    gauge('memory_narinfos', 'Narinfos ready in memory.', memory.narinfos),
    gauge('memory_bytes', 'What they take, of cache.memory.', memory.bytes),
    gauge('negative_entries', 'Paths remembered as absent.', memory.absences),

    counter(
      'uploads_total',
      'What was pushed or deleted, by kind and by what became of it.',
      spread('kind', 'result', telemetry.uploads.requests),
    ),
    counter(
      'upload_received_bytes_total',
      'Bytes of NARs that were pushed.',
      telemetry.uploads.receivedBytes,
    ),
    gauge(
      'uploads_pending',
      'Pushed NARs that wait for their narinfos.',
      telemetry.uploads.pendingFiles,
    ),
    gauge('uploads_pending_bytes', 'Bytes of these.', telemetry.uploads.pendingBytes),

    gauge('event_listeners', 'Browsers that look at the page at /.', listeners),
    gauge('streams', 'NARs being sent to clients.', status.streams),
    gauge(
      'downloads',
      'NARs being fetched now, or waiting for their place in the cache.',
      isWorking,
    ),
    gauge('downloads_waiting', 'NARs waiting for their turn.', status.downloads.length - isWorking),

    gauge('prefetch_ahead', 'Fetched ahead and not asked for yet.', [
      { labels: { kind: 'narinfo' }, value: status.prefetch.ahead.narinfos },
      { labels: { kind: 'nar' }, value: status.prefetch.ahead.nars },
    ]),
    gauge('prefetch_ahead_bytes', 'Bytes of these NARs.', status.prefetch.ahead.narBytes),
    gauge('recompress_on', '1 while stored NARs are packed anew.', Number(recompress.isOn)),
    gauge('recompress_waiting', 'NARs that wait for their zstd form.', recompress.queued),
    counter('recompressed_total', 'NARs packed anew.', recompress.done),
    counter('recompress_failures_total', 'NARs that could not be.', recompress.failed),
    counter('recompressed_bytes_total', 'Bytes of their files, before and after.', [
      { labels: { form: 'before' }, value: recompress.bytesBefore },
      { labels: { form: 'after' }, value: recompress.bytesAfter },
    ]),
    counter('prefetched_total', 'Fetched before a client asked.', perKind('fetched')),
    counter('prefetched_bytes_total', 'Bytes of these.', perKind('fetchedBytes')),
    counter('prefetch_used_total', 'Of these: a client asked.', perKind('used')),
    counter('prefetch_used_bytes_total', 'Bytes of these.', perKind('usedBytes')),
    counter('prefetch_wasted_total', 'Fetched ahead in vain.', perKind('wasted')),
    counter('prefetch_wasted_bytes_total', 'Bytes of these.', perKind('wastedBytes')),

    gauge('resident_memory_bytes', 'Resident memory of the process.', process.residentBytes),
    counter('cpu_seconds_total', 'Processor time used by all threads.', process.cpuSeconds),
    gauge(
      'event_loop_delay_seconds',
      'The longest wait for the event loop since the last scrape.',
      process.longestDelaySeconds,
    ),
    gauge(
      'open_files',
      'Open file descriptors, sockets among them; only on Linux.',
      process.openFiles === undefined ? [] : process.openFiles,
    ),
  ]
}

export function printMetrics(reading: MetricsReading): string {
  return printExposition(metricsOf(reading))
}

function counter(name: string, help: string, value: number | readonly Sample[]): Family {
  return { name: `narwhal_${name}`, help, type: 'counter', samples: asSamples(value) }
}

function gauge(name: string, help: string, value: number | readonly Sample[]): Family {
  return { name: `narwhal_${name}`, help, type: 'gauge', samples: asSamples(value) }
}

function asSamples(value: number | readonly Sample[]): readonly Sample[] {
  return typeof value === 'number' ? [{ value }] : value
}

function perUpstream(
  upstreams: readonly UpstreamReport[],
  read: (upstream: UpstreamReport) => number,
): Sample[] {
  return upstreams.map((upstream) => ({
    labels: { upstream: upstream.name },
    value: read(upstream),
  }))
}

/** A table of numbers as samples with two labels. */
function spread(
  outer: string,
  inner: string,
  table: Readonly<Record<string, Readonly<Record<string, number>>>>,
): Sample[] {
  return Object.entries(table).flatMap(([row, values]) =>
    Object.entries(values).map(([column, value]) => ({
      labels: { [outer]: row, [inner]: column },
      value,
    })),
  )
}
