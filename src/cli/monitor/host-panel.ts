import { formatSize } from '../../units.ts'
import {
  formatAge,
  formatBitRate,
  formatByteRate,
  formatCount,
  formatPercent,
} from '../display/figures.ts'
import { bar, curve, styleOf } from '../display/gauge.ts'
import { cut, type Line, type Span } from '../display/text.ts'
import type { History } from './history.ts'
import { cells, fitRows, labelColumns, type Row, row } from './row.ts'
import type { HostSample } from './sample.ts'
import type { PanelLook } from './server-panel.ts'

/** Rows that are given up first, to last. */
const ranks = {
  manyBuilds: 7,
  builds: 5,
  loopback: 5,
  moreDisks: 4,
  connections: 3,
  store: 2,
  less: 1,
}
const coreColumns = 16
const percentColumns = 7

/** What stands over the panel of this machine. */
export function hostTitle({ name, loadAverage }: HostSample): { title: string; right: Line } {
  const right = loadAverage === undefined ? [] : [{ text: `load ${loadAverage.toFixed(2)}` }]
  return { title: `this machine: ${name}`, right }
}

/** How this machine is, in exactly as many lines as there is room for, or fewer. */
export function hostPanel(host: HostSample, history: History, look: PanelLook): Line[] {
  const rows = [
    ...cpuRows(host, history, look),
    ...memoryRows(host, look),
    ...diskRows(host, history, look),
    ...networkRows(host, history, look),
    ...connectionRows(host),
    ...storeRows(host, look),
    ...buildRows(host, look),
  ]
  return fitRows(rows, look.height).map(({ line }) => line)
}

function cpuRows({ cpu, pressure }: HostSample, history: History, look: PanelLook): Row[] {
  if (cpu === undefined) return []
  const { columns, glyphs, curveColumns: width } = look
  const { all, cores } = cpu
  const shares = [
    `steal ${formatPercent(all.stolenPercent)}`,
    `disk wait ${formatPercent(all.waitingPercent)}`,
    ...pressureText(pressure.cpuPercent),
  ]
  const rows = [
    row('cpu', [
      ...cells([
        [[percentSpan(all.workPercent)], percentColumns],
        [[{ text: curve(history.cpu, width, { glyphs, top: 100 }), style: 'cyan' }], width + 2],
      ]),
      { text: shares.join(', '), style: all.stolenPercent >= 5 ? 'yellow' : 'dim' },
    ]),
  ]
  const perLine = Math.max(1, Math.floor((columns - labelColumns) / coreColumns))
  for (let first = 0; first < cores.length; first += perLine) {
    const line = cores.slice(first, first + perLine).flatMap(({ workPercent }, at): Line => {
      const number = { text: `${String(first + at).padStart(2)} `, style: 'dim' } as const
      const filled = bar(workPercent, 6, { glyphs })
      return cells([[[number, ...filled, { text: percentText(workPercent) }], coreColumns]])
    })
    rows.push(row(first === 0 ? '  cores' : '', line, first === 0 ? ranks.less : ranks.moreDisks))
  }
  return rows
}

function memoryRows(
  { memory, swap, pressure }: HostSample,
  { curveColumns, glyphs }: PanelLook,
): Row[] {
  const width = Math.max(10, curveColumns + percentColumns)
  const rows: Row[] = []
  if (memory !== undefined) {
    const { totalBytes, availableBytes } = memory
    const used = (1 - availableBytes / totalBytes) * 100
    const words = [
      `${formatSize(availableBytes)} of ${formatSize(totalBytes)} available`,
      ...pressureText(pressure.memoryPercent),
    ]
    rows.push(row('memory', [...bar(used, width, { glyphs }), { text: `  ${words.join(', ')}` }]))
  }
  if (swap !== undefined) {
    const { usedBytes, totalBytes, zram } = swap
    const packed = zram
      ? `, zram keeps ${formatSize(zram.storedBytes)} in ${formatSize(zram.takenBytes)}`
      : ''
    const text = `  ${formatSize(usedBytes)} of ${formatSize(totalBytes)}${packed}`
    const filled = bar((usedBytes / totalBytes) * 100, width, { glyphs })
    rows.push(row('swap', [...filled, { text }], ranks.less))
  }
  return rows
}

function diskRows({ disks, pressure }: HostSample, history: History, look: PanelLook): Row[] {
  const { glyphs, curveColumns: width } = look
  const byWorth = disks.toSorted(
    (a, b) => Number(b.holdsData) - Number(a.holdsData) || b.busyPercent - a.busyPercent,
  )
  return byWorth.map((disk, at) => {
    const drawn = at === 0 ? curve(history.disk, width, { glyphs, top: 100 }) : ''
    const words = [
      `read ${formatByteRate(disk.readBytesPerSecond)}`,
      `write ${formatByteRate(disk.writtenBytesPerSecond)}`,
      ...(at === 0 ? pressureText(pressure.diskPercent) : []),
      ...(disk.holdsData && disks.length > 1 ? ['holds the cache'] : []),
    ]
    const line = cells([
      [[percentSpan(disk.busyPercent)], percentColumns],
      [[{ text: drawn, style: 'cyan' }], width + 2],
      [words.join(', '), 0],
    ])
    return row(labelOf('disk', disk.name), line, at === 0 ? 0 : ranks.moreDisks)
  })
}

function networkRows({ interfaces }: HostSample, history: History, look: PanelLook): Row[] {
  const { glyphs, curveColumns: width } = look
  return interfaces.map((one, at) => {
    const { receivedBytesPerSecond: received, sentBytesPerSecond: sent, speedMbits, name } = one
    const busy = speedMbits && (Math.max(received, sent) * 8) / 1e6 / speedMbits
    const drawn = at === 0 && name !== 'lo' ? curve(history.network, width, { glyphs }) : ''
    const share: Line = busy === undefined ? [] : [percentSpan(busy * 100)]
    const speed = speedMbits === undefined ? '' : `, of ${formatBitRate((speedMbits * 1e6) / 8)}`
    const line = cells([
      [share, percentColumns],
      [[{ text: drawn, style: 'cyan' }], width + 2],
      [`in ${formatBitRate(received)}, out ${formatBitRate(sent)}${speed}`, 0],
    ])
    const rank = name === 'lo' ? ranks.loopback : at === 0 ? 0 : ranks.moreDisks
    return row(labelOf('net', name), line, rank)
  })
}

function connectionRows({ connections }: HostSample): Row[] {
  if (connections === undefined) return []
  const { established, toServer } = connections
  const ours = toServer === undefined ? '' : `, ${formatCount(toServer)} to narwhal`
  return [row('tcp', [{ text: `${formatCount(established)} open${ours}` }], ranks.connections)]
}

function storeRows({ store }: HostSample, { curveColumns, glyphs }: PanelLook): Row[] {
  if (store === undefined) return []
  const { totalBytes, freeBytes, paths } = store
  const width = Math.max(10, curveColumns + percentColumns)
  const filled = bar((1 - freeBytes / totalBytes) * 100, width, { glyphs })
  const held =
    paths && paths.count > 0
      ? `, ${formatCount(paths.count)} paths, ${formatSize(paths.bytes)}`
      : ''
  const text = `  ${formatSize(freeBytes)} of ${formatSize(totalBytes)} free${held}`
  return [row('nix store', [...filled, { text }], ranks.store)]
}

function buildRows({ builds = [] }: HostSample, { now }: PanelLook): Row[] {
  return builds.map(({ name, at }, place) => {
    const line: Line = [
      { text: formatAge(now - at).padEnd(percentColumns + 2), style: 'dim' },
      { text: name },
    ]
    return row(place === 0 ? 'builds' : '', line, place < 2 ? ranks.builds : ranks.manyBuilds)
  })
}

/** Names tell by themselves what they are about, where there is no room to say so. */
function labelOf(kind: string, name: string): string {
  const label = `${kind} ${name}`
  return label.length < labelColumns ? label : cut(name, labelColumns - 1)
}

function percentSpan(percent: number): Span {
  return { text: percentText(percent).trimStart(), style: styleOf(percent) }
}

function percentText(percent: number): string {
  return formatPercent(percent).padStart(6)
}

function pressureText(percent: number | undefined): string[] {
  return percent === undefined ? [] : [`pressure ${formatPercent(percent)}`]
}
