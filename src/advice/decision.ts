import type { Statement } from './verdict.ts'

/** One fork of a decision tree as it was passed. */
export interface Branch {
  readonly question: string
  /** "unknown" where the machine does not tell; the tree then goes on as its statement says */
  readonly answer: 'yes' | 'no' | 'unknown'
  readonly because: Statement
}

/** Where a decision tree leads, and every fork on the way there. */
export interface Decision<Leaf extends string> {
  readonly leaf: Leaf
  readonly path: readonly [Branch, ...Branch[]]
}

/**
 * Answers a fork: true, false, or unknown where there is no figure to decide by.
 */
export function branch(question: string, holds: boolean | undefined, because: Statement): Branch {
  return { question, answer: holds === undefined ? 'unknown' : holds ? 'yes' : 'no', because }
}
