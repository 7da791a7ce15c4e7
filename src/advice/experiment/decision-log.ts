import type { FigureComparison } from './comparison.ts'
import { type Experiment, resultOf } from './experiments.ts'
import { formatChange } from './figure-text.ts'

/** The experiments as a table of Markdown: what was changed, what came of it, what was decided. */
export function decisionLogMarkdown(experiments: readonly Experiment[]): string {
  const rows = experiments.map((experiment) => {
    const { id, startedAt, name, change, decision } = experiment
    const result = resultOf(experiment)
    return [
      ...[String(id), startedAt.slice(0, 10), name, change],
      result === undefined ? 'not measured' : resultText(result.comparisons),
      decision === undefined ? 'open' : decision.kind === 'keep' ? 'kept' : 'reverted',
      decision?.because ?? '',
    ]
  })
  const head = ['#', 'date', 'experiment', 'change', 'result', 'decision', 'why']
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map(asCell).join(' | ')} |`)
    .join('\n')
}

/** The figures that changed, in short. */
export function resultText(comparisons: readonly FigureComparison[]): string {
  const changed = comparisons.filter(({ change }) => change === 'better' || change === 'worse')
  if (changed.length > 0) return changed.map(formatChange).join('; ')
  return comparisons.some(({ change }) => change === 'no difference')
    ? 'no difference beyond the noise'
    : 'not comparable'
}

/** A bar or a line break would end the cell. */
function asCell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|').trim()
}
