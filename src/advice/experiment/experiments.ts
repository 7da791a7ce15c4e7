import {
  compareFigures,
  type ExperimentFigure,
  type ExperimentVerdict,
  type FigureComparison,
  judgeComparison,
  mergeFigures,
} from './comparison.ts'
import type { JournalEntry, MeasurePlan } from './journal.ts'

/** What was measured at one time. */
export interface Taken {
  readonly at: string
  readonly figures: readonly ExperimentFigure[]
  readonly notes: readonly string[]
}

/** One change, from its baseline to what was decided about it. */
export interface Experiment {
  readonly id: number
  readonly name: string
  readonly change: string
  /** of the first line there is of it */
  readonly startedAt: string
  /** undefined where the line that began it was lost */
  readonly plan: MeasurePlan | undefined
  /** before the change, in the order they were taken */
  readonly baselines: readonly Taken[]
  /** after the change, in the order they were taken */
  readonly measurements: readonly Taken[]
  /** undefined while it is open */
  readonly decision:
    | {
        readonly kind: 'keep' | 'revert'
        readonly at: string
        readonly because: string | undefined
      }
    | undefined
}

/** What all measurements of an experiment say; undefined where those before or after are missing. */
export interface ExperimentResult {
  readonly comparisons: readonly FigureComparison[]
  readonly verdict: ExperimentVerdict
}

/** Puts the lines of a journal together, oldest experiment first. */
export function experimentsOf(entries: readonly JournalEntry[]): Experiment[] {
  const byId = new Map<number, JournalEntry[]>()
  for (const entry of entries) byId.set(entry.id, [...(byId.get(entry.id) ?? []), entry])
  return [...byId.values()].map(together).sort((a, b) => a.id - b.id)
}

/** The one that is not decided yet: one change at a time. */
export function openExperiment(experiments: readonly Experiment[]): Experiment | undefined {
  return experiments.findLast(({ decision }) => decision === undefined)
}

export function nextId(experiments: readonly Experiment[]): number {
  return Math.max(0, ...experiments.map(({ id }) => id)) + 1
}

export function resultOf({ baselines, measurements }: Experiment): ExperimentResult | undefined {
  if (baselines.length === 0 || measurements.length === 0) return undefined
  const comparisons = compareFigures(
    mergeFigures(baselines.map(({ figures }) => figures)),
    mergeFigures(measurements.map(({ figures }) => figures)),
  )
  return { comparisons, verdict: judgeComparison(comparisons) }
}

function together(entries: readonly JournalEntry[]): Experiment {
  const [first] = entries as readonly [JournalEntry]
  const start = entries.find((entry) => entry.kind === 'start')
  const decision = entries.findLast(isDecision)
  return {
    id: first.id,
    name: first.name,
    change: first.change,
    startedAt: first.at,
    plan: start?.plan,
    baselines: entries.filter((entry) => isTaken(entry, true)).map(takenOf),
    measurements: entries.filter((entry) => isTaken(entry, false)).map(takenOf),
    decision: decision && { kind: decision.kind, at: decision.at, because: decision.because },
  }
}

type TakenEntry = Extract<JournalEntry, { kind: 'start' | 'measure' }>

function isTaken(entry: JournalEntry, isBaseline: boolean): entry is TakenEntry {
  if (entry.kind === 'start') return isBaseline
  return entry.kind === 'measure' && entry.isBaseline === isBaseline
}

function isDecision(entry: JournalEntry): entry is JournalEntry & { kind: 'keep' | 'revert' } {
  return entry.kind === 'keep' || entry.kind === 'revert'
}

function takenOf({ at, figures, notes }: Taken): Taken {
  return { at, figures, notes }
}
