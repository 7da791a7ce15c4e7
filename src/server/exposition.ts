/** One line of a metric: its labels, in order, and its value. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** A histogram as Prometheus wants it: what fell below each bound, cumulated when printed. */
export interface HistogramSample {
  readonly labels?: Readonly<Record<string, string>>
  /** One more than there are bounds. */
  readonly counts: readonly number[]
  readonly sum: number
}

export type Family = {
  readonly name: string
  readonly help: string
} & (
  | { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample[] }
  | {
      readonly type: 'histogram'
      readonly bounds: readonly number[]
      readonly samples: readonly HistogramSample[]
    }
)

/** The format's own media type; Prometheus and its kin ask for no other by default. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Prints metrics in the Prometheus text format.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function printExposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(printFamily)
    .join('')
}

function printFamily(family: Family): string {
  const { name, help, type } = family
  const lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`]
  if (family.type === 'histogram')
    for (const sample of family.samples) lines.push(...histogramLines(name, family.bounds, sample))
  else for (const { labels, value } of family.samples) lines.push(line(name, labels, value))
  return `${lines.join('\n')}\n`
}

function histogramLines(
  name: string,
  bounds: readonly number[],
  { labels, counts, sum }: HistogramSample,
): string[] {
  const lines: string[] = []
  let below = 0
  for (const [at, count] of counts.entries()) {
    below += count
    const le = at < bounds.length ? String(bounds[at]) : '+Inf'
    lines.push(line(`${name}_bucket`, { ...labels, le }, below))
  }
  lines.push(line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, below))
  return lines
}

function line(name: string, labels: Sample['labels'], value: number): string {
  const pairs = Object.entries(labels ?? {}).map(([key, text]) => `${key}="${escapeLabel(text)}"`)
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
