import { type FigureKey, measurements } from './measurements.ts'
import type { Subject } from './survey.ts'
import type { Workload } from './workload.ts'

/** What all rounds gave for one cache. */
export interface Readings {
  /** One entry for each round in which the figure could be had. */
  readonly figures: ReadonlyMap<FigureKey, readonly number[]>
  readonly answers: number
  readonly bytes: number
  readonly errors: number
  /** The first few, each once. */
  readonly errorTexts: readonly string[]
}

export interface Rounds {
  readonly rounds: number
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

const maxErrorTexts = 5

/**
 * Takes every measurement of every cache in turn, round after round; who goes first changes with
 * each round, so that no cache always has the quiet moment.
 */
export async function takeRounds(
  workloads: ReadonlyMap<Subject, Workload>,
  { rounds, signal, onProgress }: Rounds,
): Promise<Map<Subject, Readings>> {
  const gathered = new Map([...workloads.keys()].map((subject) => [subject, emptyReadings()]))
  for (let round = 0; round < rounds; round++) {
    const order = [...workloads]
    for (let turn = 0; turn < round % order.length; turn++) order.push(...order.splice(0, 1))
    for (const { title, take } of measurements) {
      onProgress(`round ${round + 1} of ${rounds}: ${title}`)
      for (const [subject, workload] of order) {
        const reading = await take(workload, signal)
        const sums = gathered.get(subject)
        if (sums === undefined) continue
        sums.answers += reading.answers
        sums.bytes += reading.bytes
        sums.errors += reading.errors
        if (reading.firstError !== undefined && sums.errorTexts.size < maxErrorTexts)
          sums.errorTexts.add(reading.firstError)
        for (const [key, figure] of Object.entries(reading.figures))
          sums.figures.set(key as FigureKey, [
            ...(sums.figures.get(key as FigureKey) ?? []),
            figure,
          ])
      }
    }
  }
  return new Map(
    [...gathered].map(([subject, sums]) => [
      subject,
      { ...sums, errorTexts: [...sums.errorTexts] },
    ]),
  )
}

function emptyReadings() {
  return {
    figures: new Map<FigureKey, readonly number[]>(),
    answers: 0,
    bytes: 0,
    errors: 0,
    errorTexts: new Set<string>(),
  }
}
