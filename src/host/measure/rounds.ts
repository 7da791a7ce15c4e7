import type { MeasuredReading } from '../../advice/measured-figures.ts'
import { isNoisy, spreadOf } from '../../advice/spread.ts'

export interface Rounds {
  /** As many as there is time for; at least three make a spread. */
  readonly rounds: number
  /** No round begins after that. */
  readonly budgetMs: number
  readonly signal: AbortSignal
}

/** Takes a measurement round after round and tells how far the rounds lie apart. */
export async function takeRounds(
  takeOne: (round: number) => Promise<number>,
  { rounds, budgetMs, signal }: Rounds,
): Promise<MeasuredReading> {
  const start = performance.now()
  const figures: number[] = []
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted()
    if (figures.length > 0 && performance.now() - start > budgetMs) break
    figures.push(await takeOne(round))
  }
  return readingOf(figures)
}

export function readingOf(figures: readonly number[]): MeasuredReading {
  const spread = spreadOf(figures)
  return { ...spread, rounds: figures.length, isNoisy: isNoisy(spread) }
}
