import { spreadOf } from '../series.ts'
import { contestants, figuresOf, type Results, type Scenario, scenarios } from './results.ts'

interface Bar {
  readonly label: string
  readonly kind: string
  readonly seconds: { readonly median: number; readonly min: number; readonly max: number }
}

const width = 720
const labels = 96
const barHeight = 18
const barGap = 4
const groupGap = 18
const headHeight = 30
/** Room for "123.4 s (120.1–130.2)" after the longest bar. */
const figuresWidth = 150

/**
 * Draws how long each contestant took in each scenario, as bars. The picture has its colours for
 * light and for dark pages in itself, for an image on a page cannot ask the page.
 *
 * @returns an SVG document
 */
export function plotTimes(results: Results, title: string): string {
  const groups = (Object.keys(scenarios) as Scenario[])
    .map((scenario) => ({ title: scenarios[scenario], bars: barsOf(results, scenario) }))
    .filter(({ bars }) => bars.length > 0)
  const longest = Math.max(...groups.flatMap(({ bars }) => bars.map((bar) => bar.seconds.max)), 0.1)
  const scale = (width - labels - figuresWidth) / longest

  const parts: string[] = []
  let y = headHeight
  for (const group of groups) {
    parts.push(`<text class="group" x="0" y="${y + 12}">${escapeText(group.title)}</text>`)
    y += 20
    for (const bar of group.bars) {
      parts.push(drawBar(bar, y, scale))
      y += barHeight + barGap
    }
    y += groupGap
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-labelledby="title desc">
<title id="title">${escapeText(title)}</title>
<desc id="desc">${escapeText(describe(groups))}</desc>
<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .head, .group { font-weight: 600; }
  .range { stroke: #1f2328; stroke-width: 1.5; }
  .direct { fill: #8c959f; } .nginx { fill: #bf8700; } .narwhal { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .range { stroke: #e6edf3; }
    .direct { fill: #6e7681; } .nginx { fill: #d29922; } .narwhal { fill: #4493f8; }
  }
</style>
<text class="head" x="0" y="14">${escapeText(title)}</text>
${parts.join('\n')}
</svg>
`
}

function barsOf(results: Results, scenario: Scenario): Bar[] {
  return contestants.flatMap((contestant) => {
    const runs = figuresOf(results, scenario, contestant)
    if (runs.length === 0) return []
    const seconds = spreadOf(runs.map((run) => run.wallMs / 1000))
    return [{ label: contestant, kind: contestant, seconds }]
  })
}

function drawBar({ label, kind, seconds }: Bar, y: number, scale: number): string {
  const at = (value: number) => (labels + value * scale).toFixed(1)
  const middle = y + barHeight / 2
  const isOne = seconds.min === seconds.max
  const range = isOne
    ? ''
    : `<path class="range" d="M${at(seconds.min)} ${middle}H${at(seconds.max)}"/>`
  const figures = isOne ? '' : ` (${seconds.min.toFixed(1)}–${seconds.max.toFixed(1)})`
  const text = `${seconds.median.toFixed(1)} s${figures}`
  return `<text x="12" y="${y + 13}">${label}</text><rect class="${kind}" x="${labels}" y="${y}" width="${(seconds.median * scale).toFixed(1)}" height="${barHeight}" rx="2"/>${range}<text x="${(labels + seconds.max * scale + 6).toFixed(1)}" y="${y + 13}">${text}</text>`
}

/** The figures in words, for those who do not see the picture. */
function describe(groups: readonly { title: string; bars: readonly Bar[] }[]): string {
  return groups
    .map(({ title, bars }) => {
      const figures = bars.map((bar) => `${bar.label} ${bar.seconds.median.toFixed(1)} s`)
      return `${title}: ${figures.join(', ')}.`
    })
    .join(' ')
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
