import type { ErrorCode } from '../../errors.ts'

/** A command, and what it prints where this is the trouble. */
export interface Sign {
  readonly run: string
  readonly prints: string
}

/** One thing to do about it, with the lines to run or to paste, each on its own. */
export interface Mend {
  readonly text: string
  readonly lines?: readonly string[]
}

/** One trouble: how to tell it, where it comes from, what mends it. */
export interface Symptom {
  /** stable: it stands in other texts and on command lines */
  readonly id: string
  readonly title: string
  /** what Nix, curl or the log say, in their words, "…" for what differs: people search for it */
  readonly said: readonly string[]
  /** narwhal's own errors that mean this */
  readonly codes?: readonly ErrorCode[]
  readonly signs: readonly [Sign, ...Sign[]]
  readonly cause: string
  /** the likeliest first */
  readonly mends: readonly [Mend, ...Mend[]]
  /** where it is known from */
  readonly source: string
}

/** A question whose answers lead on. */
export interface Branch {
  readonly id: string
  readonly title: string
  readonly ask: string
  readonly children: readonly [Topic, ...Topic[]]
}

export type Topic = Branch | Symptom

export function isBranch(topic: Topic): topic is Branch {
  return 'children' in topic
}
