import type { Spread } from '../../advice/spread.ts'
import { formatSize } from '../../units.ts'
import type { paint } from '../output.ts'
import { type FigureKey, figures } from './measurements.ts'
import type { Finding } from './verdict.ts'

/** What `bench --json` writes. */
export interface BenchReport {
  /** RFC 3339. */
  readonly startedAt: string
  readonly rounds: number
  /** Length of one measurement. */
  readonly seconds: number
  /** What was asked for: the same paths in every cache. */
  readonly asked: {
    readonly narinfos: number
    /** Paths that no cache has. */
    readonly absent: number
    /** NARs whose throughput was measured. */
    readonly nars: number
    readonly walkNarinfos: number
    readonly walkNars: number
  }
  /** Of this machine, in millions of bits per second; only where a cache is on it. */
  readonly loopbackMbits?: number
  /** In the order given. */
  readonly caches: readonly CacheReport[]
  /** False when any finding of any cache does not hold. */
  readonly isGood: boolean
}

export interface CacheReport {
  readonly url: string
  readonly priority: number | undefined
  readonly interface: string | undefined
  readonly linkMbits: number | undefined
  readonly connectMs: number
  /** Before the measurements: every NAR read once and checked. */
  readonly firstRead: {
    readonly nars: number
    readonly bytes: number
    /** How many had a FileHash, and matched it. */
    readonly checked: number
  }
  /** Of the rounds; figures that could not be had are left out. */
  readonly figures: Readonly<Partial<Record<FigureKey, Spread>>>
  readonly answers: number
  readonly receivedBytes: number
  readonly errors: number
  readonly errorTexts: readonly string[]
  readonly findings: readonly Finding[]
}

/** The report for people: one row a figure, one column a cache, then what follows from it. */
export function formatBench(report: BenchReport, colour: typeof paint): string {
  const { caches, asked } = report
  const isContest = caches.length > 1
  const head = ['', ...caches.map(({ url }, at) => (isContest ? `${letter(at)}` : url))]
  const rows = figures.map(({ key, title, unit }) => [
    `${title}, ${unit}`,
    ...caches.map((cache) => formatSpread(cache.figures[key])),
  ])
  const best = figures.map(({ key, better }) => (isContest ? bestOf(caches, key, better) : -1))
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[], winner: number) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        if (column === 0) return cell.padEnd(width)
        const text = cell.padStart(width)
        return column - 1 === winner ? colour('green', text) : text
      })
      .join('   ')
      .trimEnd()
  return [
    ...(isContest ? [...caches.map(({ url }, at) => `${letter(at)}  ${url}`), ''] : []),
    colour('bold', line(head, -1)),
    ...rows.map((cells, at) => line(cells, best[at] ?? -1)),
    '',
    colour(
      'dim',
      `Median (min–max) of ${report.rounds} rounds of ${report.seconds} s. ${count(asked.narinfos, 'narinfo')} and ${count(asked.absent, 'made-up path')}; ${count(asked.nars, 'NAR')} for the throughput; a closure of ${count(asked.walkNarinfos, 'path')}, of which ${count(asked.walkNars, 'NAR')} fetched.`,
    ),
    ...caches.flatMap((cache, at) => ['', ...formatVerdict(cache, { at, isContest, colour })]),
  ].join('\n')
}

function formatVerdict(
  cache: CacheReport,
  { at, isContest, colour }: { at: number; isContest: boolean; colour: typeof paint },
): string[] {
  const { nars, bytes, checked } = cache.firstRead
  const read = `${count(nars, 'NAR')} read and checked first: ${formatSize(bytes)}, ${checked} against a FileHash.`
  return [
    colour('bold', isContest ? `${letter(at)}  ${cache.url}` : 'Verdict'),
    ...cache.findings.map(({ holds, sentence }) => `${mark(holds, colour)} ${sentence}`),
    colour('dim', `  ${read}`),
  ]
}

function mark(holds: boolean | undefined, colour: typeof paint): string {
  if (holds === undefined) return colour('yellow', '?')
  return holds ? colour('green', '+') : colour('red', '-')
}

/** The column of the best median; -1 when one of them is missing or they are within five per cent. */
function bestOf(
  caches: readonly CacheReport[],
  key: FigureKey,
  better: 'lower' | 'higher',
): number {
  const medians = caches.map((cache) => cache.figures[key]?.median ?? Number.NaN)
  const sorted = medians.toSorted((a, b) => (better === 'lower' ? a - b : b - a))
  const [first = Number.NaN, second = Number.NaN] = sorted
  const gap = Math.abs(first - second) / Math.max(first, second)
  return gap > 0.05 && medians.every(Number.isFinite) ? medians.indexOf(first) : -1
}

function formatSpread(spread: Spread | undefined): string {
  if (spread === undefined) return 'none'
  const { median, min, max } = spread
  return min === max ? figure(median) : `${figure(median)} (${figure(min)}–${figure(max)})`
}

function figure(value: number): string {
  if (value < 1) return value.toFixed(3)
  if (value < 10) return value.toFixed(2)
  return value < 100 ? value.toFixed(1) : String(Math.round(value))
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function letter(at: number): string {
  return String.fromCharCode(65 + at)
}
