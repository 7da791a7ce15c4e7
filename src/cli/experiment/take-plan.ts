import type { ExperimentFigure } from '../../advice/experiment/comparison.ts'
import type { MeasurePlan } from '../../advice/experiment/journal.ts'
import { measuredFigures } from '../../advice/measured-figures.ts'
import { spreadOf } from '../../advice/spread.ts'
import { listOwnStore } from '../../host/own-store.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { figures as benchFigures } from '../bench/measurements.ts'
import { runBench } from '../bench/run.ts'
import { takeMeasurements } from '../measure/measure-machine.ts'
import { ownVersion } from '../version.ts'
import { timeCommand } from './time-command.ts'

export interface TakenFigures {
  readonly figures: readonly ExperimentFigure[]
  /** What was not measured and why, and what is doubtful. */
  readonly notes: readonly string[]
}

interface Order {
  readonly plan: MeasurePlan
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

/**
 * Measures all that a plan names.
 *
 * @throws AppError COMMAND_FAILED, NO_CACHE, NOTHING_TO_ASK; the signal's reason
 */
export async function takePlan(order: Order): Promise<TakenFigures> {
  const parts = [await takeCommand(order), await takeCache(order), await takeMachine(order)]
  return {
    figures: parts.flatMap(({ figures }) => figures),
    notes: parts.flatMap(({ notes }) => notes),
  }
}

const nothing: TakenFigures = { figures: [], notes: [] }

async function takeCommand({ plan, signal, onProgress }: Order): Promise<TakenFigures> {
  const { command, rounds } = plan
  if (command === undefined) return nothing
  const seconds = await timeCommand({ ...command, rounds, signal, onProgress })
  const figure = { key: 'command', title: 'command', unit: 's', better: 'lower' } as const
  return { figures: [{ ...figure, ...spreadOf(seconds), rounds: seconds.length }], notes: [] }
}

async function takeCache({ plan, signal, onProgress }: Order): Promise<TakenFigures> {
  const { cache, rounds } = plan
  if (cache === undefined) return nothing
  const named = cache.paths as readonly StoreHash[]
  const report = await runBench({
    urls: [new URL(cache.url)],
    named,
    candidates: named.length > 0 ? [] : (await listOwnStore()).map(({ hash }) => hash),
    ...{ rounds, seconds: cache.seconds, maxBytes: undefined, signal, onProgress },
    userAgent: `narwhal-bench/${ownVersion()}`,
  })
  const [measured] = report.caches
  const figures = benchFigures.flatMap(({ key, title, unit, better }) => {
    const spread = measured?.figures[key]
    return spread === undefined ? [] : [{ key, title, unit, better, ...spread, rounds }]
  })
  const errors = measured?.errors ?? 0
  const texts = (measured?.errorTexts ?? []).join('; ')
  return { figures, notes: errors > 0 ? [`${errors} requests failed: ${texts}.`] : [] }
}

async function takeMachine({ plan, signal, onProgress }: Order): Promise<TakenFigures> {
  const { machine, rounds } = plan
  if (machine === undefined) return nothing
  const options = { directory: machine.directory, rounds, onProgress }
  const { readings, notes } = await takeMeasurements(options, signal)
  const figures = measuredFigures.flatMap(({ key, title, unit, better }) => {
    const reading = readings[key]
    if (reading === undefined) return []
    const { median, min, max, rounds } = reading
    return [{ key, title, unit, better, median, min, max, rounds }]
  })
  return { figures, notes }
}
