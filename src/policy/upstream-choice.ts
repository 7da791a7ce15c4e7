/** What one upstream has said so far to a question put to all of them. */
export type Standing = 'waiting' | 'found' | 'absent' | 'fault'

export interface Ballot {
  readonly standing: Standing
  /** Lower is asked first and believed first. */
  readonly priority: number
}

export type Choice =
  | { readonly kind: 'wait' }
  | { readonly kind: 'found'; readonly at: number }
  /** Every upstream said so: this may be remembered. */
  | { readonly kind: 'absent' }
  /** Nobody has it, but somebody could not say: this may not be remembered. */
  | { readonly kind: 'unknown' }

/**
 * Picks the answer among upstreams that were all asked at once.
 *
 * A find waits for upstreams of better priority, but no longer than the grace.
 *
 * @param graceOver true once the first find has waited long enough
 */
export function chooseAnswer(ballots: readonly Ballot[], graceOver: boolean): Choice {
  const best = bestOf(ballots, 'found')
  if (best !== undefined) {
    const rival = bestOf(ballots, 'waiting')
    const mayBeBettered =
      rival !== undefined && priorityAt(ballots, rival) < priorityAt(ballots, best)
    return mayBeBettered && !graceOver ? { kind: 'wait' } : { kind: 'found', at: best }
  }
  if (ballots.some((ballot) => ballot.standing === 'waiting')) return { kind: 'wait' }
  if (ballots.some((ballot) => ballot.standing === 'fault')) return { kind: 'unknown' }
  return { kind: 'absent' }
}

function bestOf(ballots: readonly Ballot[], standing: Standing): number | undefined {
  let best: number | undefined
  for (const [at, ballot] of ballots.entries()) {
    if (ballot.standing !== standing) continue
    if (best === undefined || ballot.priority < priorityAt(ballots, best)) best = at
  }
  return best
}

function priorityAt(ballots: readonly Ballot[], at: number): number {
  return (ballots[at] as Ballot).priority
}
