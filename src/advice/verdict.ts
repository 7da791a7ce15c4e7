/** One thing said, with what it rests on. */
export interface Statement {
  /** a sentence for people, figures and units in it */
  readonly text: string
  /** how the figure comes about, with the numbers put in: "(4.0 GiB − 1.3 GiB) / 2 GiB = 1" */
  readonly formula?: string
  /** where it is known from: a document, a manual, a measurement of ours */
  readonly source: string
  /** a command that shows it on this machine */
  readonly check: string
}

/** Said with a no: what will work, or what to buy or change. */
export interface Alternative {
  readonly kind: 'workaround' | 'upgrade' | 'alternative'
  readonly text: string
  /** what it costs to take: money, speed, convenience */
  readonly cost?: string
}

/** An answer to a question about a machine; a no never stands alone. */
export type Verdict =
  | { readonly question: string; readonly answer: 'yes'; readonly because: Reasons }
  | {
      readonly question: string
      readonly answer: 'yes, if'
      readonly because: Reasons
      readonly conditions: readonly [string, ...string[]]
    }
  | {
      readonly question: string
      readonly answer: 'no'
      readonly because: Reasons
      readonly instead: readonly [Alternative, ...Alternative[]]
    }

export type Reasons = readonly [Statement, ...Statement[]]
