import { requestKinds } from '../../telemetry.ts'
import { formatDuration, formatSize } from '../../units.ts'
import { formatByteRate, formatCount, formatPercent, formatRate } from '../display/figures.ts'
import { bar, curve, type Glyphs } from '../display/gauge.ts'
import type { Line, Span } from '../display/text.ts'
import { agoOf, downloadLine, stateStyles } from '../status/format.ts'
import type { ShownStatus } from '../status/read-status.ts'
import { backgroundRows } from './background-rows.ts'
import type { History, SeriesName } from './history.ts'
import { cells, fitRows, type Row, row } from './row.ts'
import type { ServerSample } from './sample.ts'
import { fetchedBytes, hitPercentOf, sentBytes } from './server-rates.ts'

export interface PanelLook {
  readonly columns: number
  readonly height: number
  readonly glyphs: Glyphs
  /** How wide a curve in a row is; 0 where there is no history to be drawn. */
  readonly curveColumns: number
  /** Milliseconds since 1970. */
  readonly now: number
}

/** Rows that are given up first, to last. */
const ranks = {
  moreDownloads: 5,
  kind: 4,
  background: 4,
  memory: 3,
  error: 3,
  download: 2,
  less: 1,
}
const rateColumns = 11

/** What stands over the panel of a server. */
export function serverTitle({ status }: ServerSample): { title: string; right: Line } {
  if (status === undefined) return { title: 'narwhal', right: [{ text: 'away', style: 'red' }] }
  const up = `up ${formatDuration(status.uptimeSeconds * 1000)}`
  return {
    title: `narwhal ${status.version}`,
    right: [{ text: status.state, style: stateStyles[status.state] }, { text: `, ${up}` }],
  }
}

/** What a server does now, in exactly as many lines as there is room for, or fewer. */
export function serverPanel(server: ServerSample, history: History, look: PanelLook): Line[] {
  const { status } = server
  if (status === undefined) {
    const fault: Line = [{ text: server.fault ?? 'no answer', style: 'red' }]
    const rest: Line = [{ text: 'Only this machine is shown. Give its address with --url.' }]
    return fitRows([row('server', fault), row('', rest)], look.height).map(({ line }) => line)
  }
  const rows = [
    ...noteRows(status),
    ...requestRows(server, status, history, look),
    ...byteRows(server, status, history, look),
    ...backgroundRows(status, ranks.background),
    ...cacheRows(status, look),
    ...upstreamRows(status, look),
    ...downloadRows(status, look),
  ]
  return fitRows(rows, look.height).map(({ line }) => line)
}

function noteRows({ notes }: ShownStatus): Row[] {
  return notes.map(({ message }) => row('note', [{ text: message, style: 'yellow' }]))
}

function requestRows(
  { rates }: ServerSample,
  status: ShownStatus,
  history: History,
  look: PanelLook,
): Row[] {
  const now = rates?.hitPercent
  const ever = hitPercentOf(status)
  const hits: Span = { text: `${formatPercent(now)} hits`, ...(now !== undefined && hitStyle(now)) }
  const since = { text: `${formatPercent(ever)} since the start`, style: 'dim' } as const
  const all = rates?.requestsPerSecond
  const rows = [
    row('requests', [
      ...rateAndCurve(formatRate(all), 'requests', history, look),
      ...cells([[[hits], 12]]),
      since,
    ]),
  ]
  for (const kind of requestKinds) {
    const count = Object.values(status.requests[kind]).reduce((sum, one) => sum + one, 0)
    if (count === 0 || kind === 'other') continue
    const results = Object.entries(status.requests[kind])
      .filter(([, number]) => number > 0)
      .map(([result, number]) => `${formatCount(number)} ${result}`)
    const line = cells([
      [formatRate(rates?.byKind[kind]), rateColumns],
      [[{ text: results.join(', '), style: 'dim' }], 0],
    ])
    rows.push(row(`  ${kind.replace('cache-info', 'info')}`, line, ranks.kind))
  }
  const { brokenResponses: broken, shedRequests: shed } = status
  if (broken + shed > 0) {
    const text = `answers cut off: ${broken}, requests turned away: ${shed}`
    rows.push(row('trouble', [{ text, style: 'yellow' }], ranks.error))
  }
  return rows
}

function byteRows(
  { rates }: ServerSample,
  status: ShownStatus,
  history: History,
  look: PanelLook,
): Row[] {
  const [sent, fetched] = [sentBytes(status), fetchedBytes(status)]
  const saved = sent > 0 ? `, ${formatPercent((fetched / sent) * 100)} of what was sent` : ''
  const streams = status.streams === 0 ? '' : `, sending ${status.streams} now`
  return [
    row('sent', [
      ...rateAndCurve(formatByteRate(rates?.sentBytesPerSecond), 'sent', history, look),
      { text: `${formatSize(sent)} in all${streams}`, style: 'dim' },
    ]),
    row('fetched', [
      ...rateAndCurve(formatByteRate(rates?.fetchedBytesPerSecond), 'fetched', history, look),
      { text: `${formatSize(fetched)} in all${saved}`, style: 'dim' },
    ]),
  ]
}

function cacheRows({ cache, memory }: ShownStatus, { glyphs, curveColumns }: PanelLook): Row[] {
  const width = curveColumns + rateColumns
  const gauge = (part: number, whole: number) =>
    bar(whole === 0 ? 0 : (part / whole) * 100, width, { glyphs, style: 'cyan' })
  const of = (part: number, whole: number) => `  ${formatSize(part)} of ${formatSize(whole)}`
  const storing: Line = cache.isStoring
    ? []
    : [{ text: ', the disk cannot be written', style: 'red' }]
  const evicted = cache.evictions > 0 ? `, ${formatCount(cache.evictions)} evicted` : ''
  return [
    row('cache', [
      ...gauge(cache.bytes, cache.maxBytes),
      { text: of(cache.bytes, cache.maxBytes) },
      { text: `, ${formatSize(cache.freeBytes)} free${evicted}`, style: 'dim' },
      ...storing,
    ]),
    row(
      'memory',
      [
        ...gauge(memory.bytes, memory.maxBytes),
        { text: of(memory.bytes, memory.maxBytes) },
        { text: `, ${formatCount(memory.narinfos)} narinfos`, style: 'dim' },
      ],
      ranks.memory,
    ),
  ]
}

function upstreamRows({ upstreams, notes }: ShownStatus, { now }: PanelLook): Row[] {
  return upstreams.flatMap(({ name, isUp, requests, failures, lastError }, at) => {
    const standing: Span = isUp ? { text: 'up', style: 'green' } : { text: 'DOWN', style: 'red' }
    const counts = `  ${formatCount(requests)} asked, ${formatCount(failures)} failed`
    const line: Line = [{ text: `${name} ` }, standing, { text: counts, style: 'dim' }]
    const rows = [row(at === 0 ? 'upstreams' : '', line, at < 3 ? ranks.less : ranks.memory)]
    const isNoted = notes.some(({ message }) => message === lastError?.message)
    if (lastError !== undefined && !isNoted)
      rows.push(
        row(
          '',
          [
            { text: `${agoOf(lastError.at, now)}: `, style: 'dim' },
            { text: lastError.message, style: 'yellow' },
          ],
          ranks.error,
        ),
      )
    return rows
  })
}

function downloadRows({ downloads }: ShownStatus, { columns, glyphs }: PanelLook): Row[] {
  if (downloads.length === 0)
    return [row('downloads', [{ text: 'none', style: 'dim' }], ranks.less)]
  const waiting = downloads.filter(({ isWaiting }) => isWaiting).length
  const count = `${downloads.length - waiting} running, ${waiting} waiting`
  // Those that run are worth more than those that wait.
  const order = downloads.toSorted((a, b) => Number(a.isWaiting) - Number(b.isWaiting))
  return [
    row('downloads', [{ text: count }], ranks.less),
    ...order.map((download, at) => {
      const line = downloadLine(download, { columns: columns - 2, glyphs })
      const rank = at < 3 ? ranks.download : ranks.moreDownloads
      return { line: [{ text: '  ' }, ...line], rank }
    }),
  ]
}

function rateAndCurve(
  rate: string,
  name: SeriesName,
  history: History,
  { curveColumns, glyphs }: PanelLook,
): Line {
  const line = curve(history[name], curveColumns, { glyphs })
  return cells([
    [rate, rateColumns],
    [[{ text: line, style: 'cyan' }], curveColumns + 2],
  ])
}

function hitStyle(percent: number): Pick<Span, 'style'> {
  return { style: percent >= 80 ? 'green' : 'yellow' }
}
