import { type FigureComparison, mergeFigures } from '../../advice/experiment/comparison.ts'
import {
  type Experiment,
  type ExperimentResult,
  resultOf,
  type Taken,
} from '../../advice/experiment/experiments.ts'
import {
  figureTitle,
  formatFigure,
  formatShareOfChange,
} from '../../advice/experiment/figure-text.ts'
import { paintOut, tableLines, wrap } from '../sidecar/print-advice.ts'

/** What was measured before the change, and what comes next. */
export function baselineLines({ change, baselines }: Experiment, next: string): string[] {
  return [
    paintOut('bold', 'Baseline'),
    ...tableLines(
      ['median (min–max)', ''],
      mergeFigures(baselines.map(({ figures }) => figures)).map((figure) => [
        figureTitle(figure),
        formatFigure(figure),
      ]),
    ),
    ...noteLines(baselines.at(-1)?.notes ?? []),
    '',
    ...wrap(`Now change one thing: ${change}`),
    ...wrap(`Then: ${next}`),
  ]
}

/** Before and after, and what follows from it. */
export function resultLines(experiment: Experiment, result: ExperimentResult): string[] {
  const { comparisons, verdict } = result
  const { measurements } = experiment
  const isOnce = verdict.outcome !== 'no difference' && measurements.length === 1
  return [
    ...comparisons.flatMap(comparisonLines),
    ...noteLines(measurements.at(-1)?.notes ?? []),
    '',
    ...wrap(verdict.text),
    ...(isOnce
      ? wrap(
          'Rounds of one run are more alike than those of another hour: measure once more later to be sure.',
        ).map((line) => paintOut('dim', line))
      : []),
  ]
}

const titleColumns = 50
const changeStyles = {
  better: 'green',
  worse: 'red',
  'no difference': 'dim',
  unknown: 'yellow',
} as const

function comparisonLines({ before, after, changeShare, change }: FigureComparison): string[] {
  const share = formatShareOfChange(changeShare).padStart(8)
  const title = figureTitle(after).padEnd(titleColumns)
  return [
    `  ${title} ${share}  ${paintOut(changeStyles[change], change)}`,
    paintOut('dim', `      ${formatFigure(before)} → ${formatFigure(after)}`),
  ]
}

/** All experiments, oldest first, each with what came of it. */
export function logLines(experiments: readonly Experiment[]): string[] {
  return experiments.flatMap((experiment, at) => [
    ...(at === 0 ? [] : ['']),
    ...experimentLines(experiment),
  ])
}

function experimentLines(experiment: Experiment): string[] {
  const { id, name, change, startedAt, decision, measurements } = experiment
  const state = decision === undefined ? 'open' : decision.kind === 'keep' ? 'kept' : 'reverted'
  const style = decision === undefined ? 'yellow' : decision.kind === 'keep' ? 'green' : 'dim'
  const result = resultOf(experiment)
  const times = measurements.length > 1 ? ` (${measurements.length} measurements together)` : ''
  const summary = result?.verdict.text ?? 'Not measured after the change.'
  return [
    `${paintOut('bold', `${id}  ${name}`)}  ${paintOut(style, state)}`,
    ...wrap(`change: ${change}`, { indent: '     ', first: '   ' }),
    ...wrap(`begun: ${when(startedAt)}${decision ? `; ${state}: ${when(decision.at)}` : ''}`, {
      indent: '     ',
      first: '   ',
    }),
    ...wrap(`result: ${summary}${times}`, { indent: '     ', first: '   ' }),
    ...(result?.comparisons ?? [])
      .filter(({ change }) => change === 'better' || change === 'worse')
      .flatMap((comparison) =>
        wrap(
          `${figureTitle(comparison.after)}: ${formatFigure(comparison.before)} → ${formatFigure(comparison.after)}, ${formatShareOfChange(comparison.changeShare)}`,
          { indent: '       ', first: '     ' },
        ),
      ),
    ...(decision?.because === undefined
      ? []
      : wrap(`why: ${decision.because}`, { indent: '     ', first: '   ' })),
  ]
}

function noteLines(notes: Taken['notes']): string[] {
  if (notes.length === 0) return []
  return ['', ...notes.flatMap((note) => wrap(note, { indent: '    ', first: '  – ' }))]
}

/** "2026-11-23 02:10 UTC" */
function when(at: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(at) ? `${at.slice(0, 10)} ${at.slice(11, 16)} UTC` : at
}
