import type { StatusReport, UpstreamReport } from '../../server/status-report.ts'
import { requestKinds, requestResults } from '../../telemetry.ts'
import { formatDuration, formatSize } from '../../units.ts'
import type { paint } from '../output.ts'
import { alignRows } from '../output.ts'

const colours = { ready: 'green', degraded: 'yellow', unready: 'red' } as const

/** The status of a server for people: one fact a line, aligned. */
export function formatStatus(report: StatusReport, colour: typeof paint): string {
  const { cache, memory, notes, state } = report
  const facts: [string, string][] = [
    ['narwhal', `${report.version}, up ${formatDuration(report.uptimeSeconds * 1000)}`],
    ['state', colour(colours[state], state)],
    ...notes.map(({ message }): [string, string] => ['', colour('yellow', message)]),
    ['listens on', report.addresses.join(' ')],
    ...report.upstreams.map((upstream): [string, string] => [
      'upstream',
      describeUpstream(upstream, colour),
    ]),
    ['disk', `${share(cache.bytes, cache.maxBytes)}, ${formatSize(cache.freeBytes)} free`],
    ['evicted', `${cache.evictions} NARs, ${formatSize(cache.evictedBytes)}`],
    ['memory', `${memory.narinfos} narinfos, ${share(memory.bytes, memory.maxBytes)}`],
    ['', `${memory.absences} paths known to be absent`],
    ['resident', formatSize(memory.residentBytes)],
    ...requestKinds.map((kind): [string, string] => [kind, describeResults(report.requests[kind])]),
    [
      'sent',
      Object.entries(report.sentBytes)
        .map(([source, bytes]) => `${formatSize(bytes)} from ${source}`)
        .join(', '),
    ],
    ['trouble', `${report.brokenResponses} answers cut off, ${report.shedRequests} turned away`],
    ['sending', `${report.streams} NARs`],
    ['downloads', report.downloads.length === 0 ? 'none' : `${report.downloads.length}`],
    ...report.downloads.map((download): [string, string] => ['', describeDownload(download)]),
  ]
  return alignRows(facts)
}

function describeUpstream(upstream: UpstreamReport, colour: typeof paint): string {
  const { name, isUp, requests, failures, receivedBytes, lastError } = upstream
  const standing = isUp ? colour('green', 'up') : colour('red', 'down')
  const counts = `${requests} requests, ${failures} failed, ${formatSize(receivedBytes)} received`
  const line = `${name} ${standing}: ${counts}`
  return lastError ? `${line}; last error ${lastError.at}: ${lastError.message}` : line
}

function describeResults(results: StatusReport['requests']['nar']): string {
  const seen = requestResults.filter((result) => results[result] > 0)
  return seen.map((result) => `${results[result]} ${result}`).join(', ') || 'none'
}

function describeDownload(download: StatusReport['downloads'][number]): string {
  const { file, receivedBytes, bytes, readers, isWaiting } = download
  const done = bytes === undefined ? formatSize(receivedBytes) : share(receivedBytes, bytes)
  return `nar/${file}: ${isWaiting ? 'waits for its turn' : done}, ${readers} readers`
}

function share(part: number, whole: number): string {
  return `${formatSize(part)} of ${formatSize(whole)}`
}
