import { formatSize } from '../../units.ts'
import { type DemoReport, type Mode, parallelNars, type Run, type Way } from './runs.ts'

/** Marks text for the terminal, or gives it back as it is. */
export type Paint = (style: 'bold' | 'dim' | 'green', text: string) => string

const modeTitles: Readonly<Record<Mode, string>> = {
  copy: `like nix copy, ${parallelNars.copy} NAR at a time`,
  realise: `like nix-store -r, up to ${parallelNars.realise} NARs at a time`,
}

const wayTitles: Readonly<Record<Way, string>> = {
  direct: 'direct',
  cold: 'narwhal, cold',
  warm: 'narwhal, warm',
}

const columns = ['time', 'against direct', 'narinfos', 'NARs', 'received', 'upstream saw'] as const

/** Writes what was seen: one table row a run, then what follows from the figures and no more. */
export function formatReport(report: DemoReport, paint: Paint): string {
  const modes = (['copy', 'realise'] as const).map((mode) => runsOf(report, mode))
  const rows = modes.map((runs) => runs.map((run) => rowOf(run, runs)))
  const widths = columns.map((title, column) =>
    Math.max(title.length, ...rows.flat().map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (label: string, cells: readonly string[]) =>
    label.padEnd(17) +
    cells.map((cell, column) => cell.padStart((widths[column] ?? 0) + 3)).join('')

  const lines = [
    `A closure of ${report.paths} store paths, ${formatSize(report.narBytes)} unpacked.`,
    `Its upstream answers each request after ${report.delayMs} ms. The client starts empty in every`,
    'run and checks every signature and hash.',
    '',
    paint('dim', line('', columns)),
  ]
  for (const [index, runs] of modes.entries()) {
    lines.push(paint('bold', modeTitles[runs[0]?.mode ?? 'copy']))
    for (const [row, run] of runs.entries()) {
      const text = line(`  ${wayTitles[run.way]}`, rows[index]?.[row] ?? [])
      lines.push(run.way === 'warm' ? paint('green', text) : text)
    }
  }
  return [...lines, '', ...modes.map(conclude)].join('\n')
}

function runsOf(report: DemoReport, mode: Mode): readonly Run[] {
  return report.runs.filter((run) => run.mode === mode)
}

function rowOf(run: Run, runs: readonly Run[]): string[] {
  return [
    seconds(run.wallMs),
    `${speedUp(run, runs).toFixed(2)} ×`,
    `${run.narinfoRequests}`,
    `${run.narRequests}`,
    formatSize(run.receivedBytes),
    `${run.upstreamRequests} requests`,
  ]
}

/** How many times as fast as direct the run was. */
function speedUp(run: Run, runs: readonly Run[]): number {
  const direct = runs.find((other) => other.way === 'direct')
  return (direct?.wallMs ?? Number.NaN) / run.wallMs
}

/** One mode's runs in a sentence; every claim in it is read off the figures. */
function conclude(runs: readonly Run[]): string {
  const name = runs[0]?.mode === 'copy' ? 'nix copy' : 'nix-store -r'
  const told = runs
    .filter((run) => run.way !== 'direct')
    .map((run) => {
      const saw = run.upstreamRequests === 0 ? 'no request' : `${run.upstreamRequests} requests`
      return `${run.way}, it was ${compare(speedUp(run, runs))} and the upstream saw ${saw}`
    })
  return `Like ${name}, through narwhal: ${told.join('; ')}.`
}

/** Runs this short differ by a few per cent anyhow; within five, no winner is named. */
function compare(speedUp: number): string {
  if (speedUp >= 1.05) return `${speedUp.toFixed(1)} times as fast as direct`
  if (speedUp <= 0.95) return `slower than direct by ${((1 / speedUp - 1) * 100).toFixed(0)} %`
  return 'not faster than direct, nor slower (within 5 %)'
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
