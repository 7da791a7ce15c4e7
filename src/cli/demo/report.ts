import { formatSize } from '../../units.ts'
import { formatBitRate } from '../display/figures.ts'
import { bar, type Glyphs } from '../display/gauge.ts'
import { type Line, type Paint, printLine, type Span } from '../display/text.ts'
import type { Recompressed } from './recompression.ts'
import { type DemoReport, type Mode, parallelNars, type Run, type Way } from './runs.ts'

const modes = ['copy', 'realise'] as const

const modeTitles: Readonly<Record<Mode, string>> = {
  copy: `${parallelNars.copy} NAR at a time, as nix copy fetches`,
  realise: `up to ${parallelNars.realise} NARs at a time, as nix-store -r fetches`,
}

const labelColumns = 15
const barColumns = 22
const columns = [
  { title: 'time', width: 9 },
  { title: 'speed', width: 9 },
  { title: 'received', width: 11 },
  { title: 'upstream', width: 12 },
] as const
/** Runs this short differ by a few per cent anyhow; within five, none is the faster. */
const noise = 1.05

/** Writes what was seen: one table row a run, and what the rows are. */
export function formatReport(
  report: DemoReport,
  { paint, glyphs }: { readonly paint: Paint; readonly glyphs: Glyphs },
): string {
  const { paths, narBytes, delayMs, upstreamBytesPerSecond, clientBytesPerSecond } = report
  const dash = glyphs.rule.repeat(2)
  const far = `${delayMs} ms, ${formatBitRate(upstreamBytesPerSecond)}`
  const near = formatBitRate(clientBytesPerSecond)
  const leastSeconds = (narBytes / upstreamBytesPerSecond).toFixed(1)
  const lines: Line[] = [
    words(
      `A client substitutes made-up closures of ${paths} store paths, ${formatSize(narBytes)} each, not`,
    ),
    words('compressed. It starts empty in every run and checks every signature and hash.'),
    [],
    words(`  upstream ${dash} ${far} ${dash} narwhal ${dash} ${near} ${dash} client`),
    [],
    words(`So much takes at least ${leastSeconds} s from the upstream, whoever fetches it.`),
    [],
    [{ text: ' '.repeat(labelColumns + barColumns) + cells(columns.map(({ title }) => title)) }],
    ...modes.flatMap((mode) => [
      [{ text: modeTitles[mode], style: 'bold' } satisfies Span],
      ...runsOf(report, mode).map((run) => runLine(run, runsOf(report, mode), glyphs)),
    ]),
    [],
    ...legend(report).flatMap(({ way, says }) =>
      says.map(
        (text, at): Line => [
          { text: `  ${at === 0 ? way : ''}`.padEnd(labelColumns), style: 'bold' },
          { text },
        ],
      ),
    ),
    [],
    words('cache.nixos.org packs with xz, and clients take longer to unpack that than zstd.'),
    words('That gain does not show here: see docs/performance.md.'),
  ]
  return lines.map((line) => printLine(line, paint)).join('\n')
}

function runLine(run: Run, runs: readonly Run[], glyphs: Glyphs): Line {
  const longestMs = Math.max(...runs.map(({ wallMs }) => wallMs))
  const speed = speedOf(run, runs)
  const isFaster = speed >= noise
  const style = isFaster ? 'green' : 'cyan'
  const figures = cells([
    `${(run.wallMs / 1000).toFixed(2)} s`,
    `${speed.toFixed(1)} ×`,
    formatSize(run.receivedBytes),
    `${run.upstreamRequests} asked`,
  ])
  return [
    { text: `  ${run.way}`.padEnd(labelColumns) },
    ...bar((run.wallMs / longestMs) * 100, barColumns, { glyphs, style }),
    isFaster ? { text: figures, style } : { text: figures },
  ]
}

/** What each way is, with what was counted on it; no claim beyond the figures. */
function legend(report: DemoReport): { readonly way: Way; readonly says: readonly string[] }[] {
  const runsBy = (way: Way) => report.runs.filter((run) => run.way === way)
  const ahead = runsBy('cold').map((run) => run.narsAhead)
  const asked = runsBy('warm').reduce((sum, run) => sum + run.upstreamRequests, 0)
  return [
    { way: 'direct', says: ['The client asks the upstream itself: that is speed 1.0.'] },
    {
      way: 'cold',
      says: [
        'narwhal has nothing of it yet, and fetches ahead of the client:',
        `${ahead.join(' and ')} of ${report.paths} NARs were on their way before it asked.`,
      ],
    },
    {
      way: 'warm',
      says: [`Another client wants the same${asked === 0 ? ': the upstream is not asked' : ''}.`],
    },
    { way: 'recompressed', says: recompressedWords(Object.values(report.recompressed)) },
  ]
}

function recompressedWords(all: readonly Recompressed[]): string[] {
  const sum = (figure: 'nars' | 'bytesBefore' | 'bytesAfter') =>
    all.reduce((total, one) => total + one[figure], 0)
  const sizes = `${formatSize(sum('bytesBefore'))} → ${formatSize(sum('bytesAfter'))}`
  const obstacles = all.flatMap(({ unfinishedBecause }) => unfinishedBecause ?? [])
  return [
    `narwhal has packed ${sum('nars')} NARs with zstd: ${sizes}.`,
    ...obstacles.map((obstacle) => `Not finished, so not shown: ${obstacle}.`),
  ]
}

function runsOf(report: DemoReport, mode: Mode): readonly Run[] {
  return report.runs.filter((run) => run.mode === mode)
}

/** How many times as fast as direct the run was. */
function speedOf(run: Run, runs: readonly Run[]): number {
  const direct = runs.find(({ way }) => way === 'direct')
  return (direct?.wallMs ?? Number.NaN) / run.wallMs
}

function cells(texts: readonly string[]): string {
  return texts.map((text, at) => text.padStart(columns[at]?.width ?? 0)).join('')
}

function words(text: string): Line {
  return [{ text }]
}
