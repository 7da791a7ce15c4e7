/** The throughput of the last hour. */
import { formatRate } from './format.js'
import { setText } from './keyed-list.js'

const hourSeconds = 3600
const maxSamples = 360
const heightPixels = 220
/** So that a quiet hour looks quiet. */
const leastTopBytes = 1e6 / 8

const rows = { at: [], sent: [], received: [] }
let plot

const resizes = new ResizeObserver(([{ target }]) => {
  if (plot && plot.width !== target.clientWidth && target.clientWidth > 0)
    plot.setSize({ width: target.clientWidth, height: heightPixels })
})

/** Takes the whole hour. */
export function setHistory({ at, columns }) {
  rows.at = at.map((ms) => ms / 1000)
  rows.sent = columns.sent
  rows.received = columns.received
  draw()
}

/** Takes the newest sample, unless it is known. */
export function addSample(sample) {
  if (!sample || sample.at / 1000 <= (rows.at.at(-1) ?? 0)) return
  rows.at.push(sample.at / 1000)
  rows.sent.push(sample.sent)
  rows.received.push(sample.received)
  if (rows.at.length > maxSamples) for (const row of Object.values(rows)) row.shift()
  draw()
}

/** Draws it again, in the colours and width of now. */
export function redraw() {
  plot?.destroy()
  plot = undefined
  draw()
}

function draw() {
  const place = document.getElementById('chart')
  if (!plot) {
    plot = new window.uPlot(options(place), [[], [], []], place)
    resizes.observe(place)
  }
  plot.setData([rows.at, rows.sent, rows.received])
  const most = Math.max(0, ...rows.sent)
  place.setAttribute(
    'aria-label',
    rows.at.length === 0
      ? 'Throughput of the last hour: nothing measured yet'
      : `Throughput of the last hour: served ${formatRate(rows.sent.at(-1))} now, ${formatRate(most)} at most; fetched ${formatRate(rows.received.at(-1))} now, ${formatRate(Math.max(0, ...rows.received))} at most`,
  )
}

function options(place) {
  const style = getComputedStyle(document.documentElement)
  const colour = (name) => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--muted'),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: place.clientWidth,
    height: heightPixels,
    padding: [12, 28, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
    scales: {
      x: {
        range: () => {
          const now = rows.at.at(-1) ?? Date.now() / 1000
          return [now - hourSeconds, now]
        },
      },
      y: { range: (_plot, _low, high) => [0, Math.max(leastTopBytes, (high ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        space: 70,
        size: 30,
        values: (_plot, times) => times.map(clock),
        grid: { show: false },
      },
      {
        ...axis,
        size: 82,
        space: 44,
        // Round numbers of bits, not of bytes.
        incrs: [1, 2, 5].flatMap((step) => powers.map((power) => (step * power) / 8)).sort(byValue),
        values: (_plot, values) => values.map((value) => (value === 0 ? '0' : formatRate(value))),
      },
    ],
    series: [
      {},
      line({ stroke: colour('--accent'), fill: colour('--accent-wash'), width: 2 }),
      line({ stroke: colour('--second'), width: 1.5, dash: [5, 4] }),
    ],
    hooks: { setCursor: [showAt] },
  }
}

const powers = Array.from({ length: 11 }, (_, power) => 10 ** power)
const byValue = (a, b) => a - b

function line(look) {
  return { ...look, points: { show: false }, spanGaps: false }
}

/** The figures under the pointer; those of now while there is none. */
function showAt({ cursor }) {
  const at = cursor.idx ?? undefined
  const show = (row) => (at === undefined || row[at] === undefined ? '' : formatRate(row[at]))
  setText('at-sent', show(rows.sent))
  setText('at-received', show(rows.received))
  setText('at-time', at === undefined || !rows.at[at] ? '' : clock(rows.at[at]))
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
}
