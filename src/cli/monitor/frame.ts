import type { Glyphs } from '../display/gauge.ts'
import { fitLine, type Line, spread, widthOf } from '../display/text.ts'
import { chartLines, hostCharts, serverCharts } from './charts.ts'
import type { History } from './history.ts'
import { hostPanel, hostTitle } from './host-panel.ts'
import type { Sample } from './sample.ts'
import { type PanelLook, serverPanel, serverTitle } from './server-panel.ts'

export interface FrameLook {
  readonly columns: number
  /** Lines of the screen; without, as many as it takes. */
  readonly rows?: number
  readonly glyphs: Glyphs
  /** How often the frame changes, for its last line; without it there is no such line. */
  readonly everySeconds?: number
}

/** From here on both panels stand side by side. */
const wideColumns = 150
/** What the host's panel gets at least, before the server's gets more. */
const minHostRows = 8
const unlimited = 1000

/** Draws a sample: exactly as wide and as high as the screen, where it has a height. */
export function drawFrame(sample: Sample, history: History, look: FrameLook): Line[] {
  const { columns, rows, glyphs, everySeconds } = look
  const footer = everySeconds === undefined ? [] : [footerLine(sample, everySeconds, columns)]
  const height = rows === undefined ? unlimited : Math.max(0, rows - footer.length)
  const isWide = columns >= wideColumns
  // Curves are for who watches, not for a single look.
  const curveColumns = rows === undefined ? 0 : isWide ? 24 : 16
  const panel = { columns, glyphs, curveColumns, now: Date.parse(sample.at), height }
  const body = (isWide ? drawSideBySide : drawStacked)(sample, history, panel)
  const charts = rows === undefined ? [] : body.charts
  const lines = [...body.lines, ...charts].slice(0, height)
  while (rows !== undefined && lines.length < height) lines.push([])
  return [...lines, ...footer].slice(0, rows).map((line) => fitLine(line, columns))
}

interface Body {
  readonly lines: readonly Line[]
  readonly charts: readonly Line[]
}

function drawStacked(sample: Sample, history: History, look: PanelLook): Body {
  const forPanels = look.height - 2
  const server = serverPanel(sample.server, history, {
    ...look,
    height: Math.max(1, forPanels - minHostRows),
  })
  // What the server does not need, the host gets.
  const host = hostPanel(sample.host, history, { ...look, height: forPanels - server.length })
  const lines = [
    ruleLine(serverTitle(sample.server), look),
    ...server,
    ruleLine(hostTitle(sample.host), look),
    ...host,
  ]
  const left = { ...look, height: look.height - lines.length }
  return { lines, charts: chartLines(serverCharts, history, left) }
}

function drawSideBySide(sample: Sample, history: History, look: PanelLook): Body {
  const { glyphs, columns } = look
  const gap = 3
  const leftColumns = Math.ceil((columns - gap) / 2)
  const left = { ...look, columns: leftColumns, height: look.height - 1 }
  const right = { ...left, columns: columns - gap - leftColumns }
  const panels = [
    [ruleLine(serverTitle(sample.server), left), ...serverPanel(sample.server, history, left)],
    [ruleLine(hostTitle(sample.host), right), ...hostPanel(sample.host, history, right)],
  ] as const
  const tallest = Math.max(...panels.map(({ length }) => length))
  const join = (a: readonly Line[], b: readonly Line[], length: number) =>
    Array.from(
      { length },
      (_, at): Line => [
        ...fitLine(a[at] ?? [], leftColumns),
        { text: ` ${glyphs.wall} `, style: 'dim' },
        ...(b[at] ?? []),
      ],
    )
  const room = look.height - tallest
  const charts = [
    chartLines(serverCharts, history, { ...left, height: room }),
    chartLines(hostCharts, history, { ...right, height: room }),
  ] as const
  return {
    lines: join(...panels, tallest),
    charts: join(...charts, Math.max(...charts.map(({ length }) => length))),
  }
}

/** "── narwhal 0.1.0 ──────── ready, up 3h ──" */
function ruleLine(
  { title, right }: { readonly title: string; readonly right: Line },
  { columns, glyphs }: { readonly columns: number; readonly glyphs: Glyphs },
): Line {
  const { rule } = glyphs
  const begin: Line = [
    { text: `${rule.repeat(2)} `, style: 'dim' },
    { text: title, style: 'bold' },
    { text: ' ', style: 'dim' },
  ]
  const end: Line =
    right.length === 0
      ? []
      : [{ text: ' ' }, ...right, { text: ` ${rule.repeat(2)}`, style: 'dim' }]
  const taken = [...begin, ...end].reduce((sum, { text }) => sum + widthOf(text), 0)
  const middle = rule.repeat(Math.max(0, columns - taken))
  return [...begin, { text: middle, style: 'dim' }, ...end]
}

function footerLine({ at, server }: Sample, everySeconds: number, columns: number): Line {
  // The local time of day: whoever watches looks at a clock on the same wall.
  const time = new Date(at).toTimeString().slice(0, 8)
  const left = `${server.url}, every ${everySeconds} s, ${time}`
  return spread(
    [{ text: left, style: 'dim' }],
    [
      { text: 'q', style: 'bold' },
      { text: ' quits', style: 'dim' },
    ],
    columns,
  )
}
