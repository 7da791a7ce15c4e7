/** What is kept of each moment; rates are bytes or requests a second. */
export const historyColumns = ['sent', 'received', 'peakSent', 'requests'] as const
export type HistorySample = Readonly<Record<(typeof historyColumns)[number], number>>

export interface HistoryReport {
  /** Milliseconds since 1970, oldest first. */
  readonly at: readonly number[]
  readonly columns: Readonly<Record<(typeof historyColumns)[number], readonly number[]>>
}

/** One sample every ten seconds for an hour. */
export const historyEveryMs = 10_000
const samples = 360

/** The last hour, in a ring that never grows: 9 KB. */
export class History {
  readonly #at = new Float64Array(samples)
  readonly #values = historyColumns.map(() => new Float32Array(samples))
  #count = 0

  /** @param at milliseconds since 1970 */
  add(at: number, sample: HistorySample): void {
    const place = this.#count % samples
    this.#at[place] = at
    for (const [column, name] of historyColumns.entries()) {
      const values = this.#values[column] as Float32Array
      values[place] = sample[name]
    }
    this.#count += 1
  }

  /** The newest sample; undefined in the first ten seconds. */
  last(): (HistorySample & { readonly at: number }) | undefined {
    if (this.#count === 0) return undefined
    const place = (this.#count - 1) % samples
    const values = historyColumns.map((name, column) => [
      name,
      Math.round(this.#values[column]?.[place] ?? 0),
    ])
    return { at: this.#at[place], ...Object.fromEntries(values) }
  }

  /** All of them, rates as whole numbers. */
  read(): HistoryReport {
    const columns = historyColumns.map((name, column) => [
      name,
      this.#inOrder(this.#values[column] as Float32Array).map((value) => Math.round(value)),
    ])
    return { at: this.#inOrder(this.#at), columns: Object.fromEntries(columns) }
  }

  #inOrder(values: Float32Array | Float64Array): number[] {
    const kept = Math.min(this.#count, samples)
    const first = this.#count - kept
    return Array.from({ length: kept }, (_, at) => values[(first + at) % samples] as number)
  }
}
