import { formatSize } from '../../units.ts'
import { formatCount, formatPercent } from '../display/figures.ts'
import type { Line } from '../display/text.ts'
import { formatRepacked, pauseOf } from '../status/format.ts'
import type { ShownStatus } from '../status/read-status.ts'
import { type Row, row } from './row.ts'

/** What a server does that nobody has asked for: fetching ahead, and packing NARs anew. */
export function backgroundRows({ prefetch, recompress }: ShownStatus, rank: number): Row[] {
  return [...aheadRows(prefetch, rank), ...repackedRows(recompress, rank)]
}

/** What was fetched before a client asked, and whether that was any use. */
function aheadRows({ ahead, nar }: ShownStatus['prefetch'], rank: number): Row[] {
  if (nar.fetched + ahead.nars === 0) return []
  const used = nar.fetchedBytes > 0 ? formatPercent((nar.usedBytes / nar.fetchedBytes) * 100) : '–'
  const line: Line = [
    { text: `${formatCount(ahead.nars)} NARs, ${formatSize(ahead.narBytes)}` },
    { text: `; of ${formatSize(nar.fetchedBytes)} so far ${used} were used`, style: 'dim' },
  ]
  return [row('ahead', line, rank)]
}

/** How far packing has come; where no NAR is packed anew, and none was, why not. */
function repackedRows(recompress: ShownStatus['recompress'], rank: number): Row[] {
  const { isOn, reason, done } = recompress
  // A server of another version may not say.
  if (reason === '') return []
  if (!isOn && done === 0) return [row('repacked', [{ text: reason, style: 'dim' }], rank)]
  const pause = pauseOf(recompress)
  const line: Line = [
    { text: formatRepacked(recompress) },
    { text: pause === undefined ? '' : `; pauses: ${pause}`, style: 'yellow' },
    { text: isOn ? '' : `; ${reason}`, style: 'dim' },
  ]
  return [row('repacked', line, rank)]
}
