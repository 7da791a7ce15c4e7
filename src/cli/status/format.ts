import { requestKinds, requestResults } from '../../telemetry.ts'
import { formatDuration, formatSize } from '../../units.ts'
import { formatAge, formatPercent } from '../display/figures.ts'
import { bar, type Glyphs } from '../display/gauge.ts'
import {
  cleanAll,
  cutMiddle,
  type Line,
  type Paint,
  printLine,
  type Span,
} from '../display/text.ts'
import type { ShownStatus } from './read-status.ts'

export const stateStyles = { ready: 'green', degraded: 'yellow', unready: 'red' } as const

export interface Look {
  readonly paint: Paint
  readonly glyphs: Glyphs
  /** Milliseconds since 1970. */
  readonly now: number
}

const barColumns = 20
const labelColumns = 12

/** The status of a server for people: one fact a line, aligned. */
export function formatStatus(status: ShownStatus, { paint, glyphs, now }: Look): string {
  // What an upstream said stands in it too.
  const shown = cleanAll(status)
  const { cache, memory, notes, state, prefetch, recompress } = shown
  const facts: [string, Line][] = [
    ['narwhal', text(`${shown.version}, up ${formatDuration(shown.uptimeSeconds * 1000)}`)],
    ['state', [{ text: state, style: stateStyles[state] }]],
    ...notes.map(({ message }): [string, Line] => ['', [{ text: message, style: 'yellow' }]]),
    ['listens on', text(shown.addresses.join(' '))],
    ...shown.upstreams.map((upstream): [string, Line] => ['upstream', upstreamLine(upstream, now)]),
    ['disk', gaugeLine(cache.bytes, cache.maxBytes, glyphs)],
    ['', text(`${formatSize(cache.freeBytes)} free on its file system`)],
    ['evicted', text(`${cache.evictions} NARs, ${formatSize(cache.evictedBytes)}`)],
    ['memory', gaugeLine(memory.bytes, memory.maxBytes, glyphs)],
    ['', text(`${memory.narinfos} narinfos, ${memory.absences} paths known to be absent`)],
    ['resident', text(formatSize(memory.residentBytes))],
    ...requestKinds.map((kind): [string, Line] => [
      kind,
      text(formatResults(shown.requests[kind])),
    ]),
    ['sent', text(formatSources(shown.sentBytes))],
    ['ahead', text(formatAhead(prefetch))],
    ...recompressLines(recompress).map((line, at): [string, Line] => [
      at === 0 ? 'recompress' : '',
      line,
    ]),
    [
      'trouble',
      text(`${shown.brokenResponses} answers cut off, ${shown.shedRequests} turned away`),
    ],
    ['sending', text(`${shown.streams} NARs`)],
    ['downloads', text(shown.downloads.length === 0 ? 'none' : String(shown.downloads.length))],
    ...shown.downloads.map((download): [string, Line] => [
      '',
      downloadLine(download, { columns: 78 - labelColumns, glyphs }),
    ]),
  ]
  return facts
    .map(([label, line]) => printLine([{ text: label.padEnd(labelColumns) }, ...line], paint))
    .join('\n')
}

/** Whether an upstream is asked, and what it did. */
export function upstreamLine(upstream: ShownStatus['upstreams'][number], now: number): Line {
  const { name, isUp, requests, failures, receivedBytes, lastError } = upstream
  const standing: Span = isUp ? { text: 'up', style: 'green' } : { text: 'down', style: 'red' }
  const counts = `: ${requests} requests, ${failures} failed, ${formatSize(receivedBytes)} received`
  const error = lastError && `; last error ${agoOf(lastError.at, now)}: ${lastError.message}`
  return [{ text: `${name} ` }, standing, { text: counts }, { text: error ?? '' }]
}

/** How far a NAR has come. */
export function downloadLine(
  download: ShownStatus['downloads'][number],
  { columns, glyphs }: { columns: number; glyphs: Glyphs },
): Line {
  const { file, receivedBytes, bytes, readers, isWaiting } = download
  const percent = bytes === undefined || bytes === 0 ? undefined : (receivedBytes / bytes) * 100
  const width = Math.min(barColumns, Math.max(6, Math.floor(columns / 6)))
  const progress = isWaiting
    ? `waits${bytes === undefined ? '' : ` for ${formatSize(bytes)}`}`
    : bytes === undefined
      ? formatSize(receivedBytes)
      : `${formatPercent(percent)} of ${formatSize(bytes)}`
  const facts = `  ${progress.padEnd(17)} ${readers} reader${readers === 1 ? '' : 's'}`
  const room = columns - width - 2 - facts.length
  const name = cutMiddle(file, room).padEnd(room)
  const filled = bar(percent ?? 0, width, { glyphs, style: 'cyan' })
  return [{ text: `${name}  ` }, ...filled, { text: facts }]
}

/** A part of a whole, as a bar and in words. */
export function gaugeLine(part: number, whole: number, glyphs: Glyphs): Line {
  const percent = whole === 0 ? 0 : (part / whole) * 100
  // A full cache is as it should be, so it is no alarm.
  const filled = bar(percent, barColumns, { glyphs, style: 'cyan' })
  return [...filled, { text: `  ${formatSize(part)} of ${formatSize(whole)}` }]
}

export function formatResults(results: ShownStatus['requests']['nar']): string {
  const seen = requestResults.filter((result) => results[result] > 0)
  return seen.map((result) => `${results[result]} ${result}`).join(', ') || 'none'
}

function formatSources(sentBytes: ShownStatus['sentBytes']): string {
  return Object.entries(sentBytes)
    .map(([source, bytes]) => `${formatSize(bytes)} from ${source}`)
    .join(', ')
}

function formatAhead({ ahead, nar }: ShownStatus['prefetch']): string {
  if (nar.fetched + ahead.nars === 0) return 'none'
  const bytes = `${formatSize(nar.usedBytes)} of ${formatSize(nar.fetchedBytes)}`
  const now = ahead.nars === 0 ? '' : `; ${ahead.nars} ahead now, ${formatSize(ahead.narBytes)}`
  return `${nar.fetched} NARs fetched ahead, ${nar.used} of them used (${bytes})${now}`
}

/** Whether stored NARs are packed anew, why, and how far it has come. */
function recompressLines(recompress: ShownStatus['recompress']): Line[] {
  const { reason, isOn, done } = recompress
  const lines: Line[] = [text(reason === '' ? 'unknown' : reason)]
  if (isOn || done > 0) lines.push(text(formatRepacked(recompress)))
  const pause = pauseOf(recompress)
  if (pause !== undefined) lines.push([{ text: `pauses: ${pause}`, style: 'yellow' }])
  return lines
}

/** "12 waiting, 48 done: 900 MiB → 760 MiB, 1 failed" */
export function formatRepacked(recompress: ShownStatus['recompress']): string {
  const { queued, done, failed, bytesBefore, bytesAfter } = recompress
  const sizes = `: ${formatSize(bytesBefore)} → ${formatSize(bytesAfter)}`
  const failures = failed > 0 ? `, ${failed} failed` : ''
  return `${queued} waiting, ${done} done${done > 0 ? sizes : ''}${failures}`
}

/** Why nothing is packed now although something waits. */
export function pauseOf(recompress: ShownStatus['recompress']): string | undefined {
  const { isOn, queued, pausedBecause } = recompress
  return isOn && queued > 0 && pausedBecause !== '' ? pausedBecause : undefined
}

/** "3m ago", of a time as RFC 3339 has it. */
export function agoOf(at: string, now: number): string {
  const ms = now - Date.parse(at)
  return Number.isNaN(ms) ? 'at an unknown time' : formatAge(ms)
}

function text(words: string): Line {
  return [{ text: words }]
}
