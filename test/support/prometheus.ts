/** What a scrape holds, read by the letter of the format. */
export interface Scrape {
  readonly families: ReadonlyMap<string, ScrapedFamily>
  /** Value of one sample; labels in any order. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
}

export interface ScrapedFamily {
  readonly type: string
  readonly help: string
  readonly samples: ReadonlyMap<string, number>
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
}
const sampleLine =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]Inf|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/
const labelPair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/

/**
 * Reads the Prometheus text format, and refuses what promtool would: a sample without its HELP and
 * TYPE before it, twice the same sample, a family in two places, bad names, buckets that fall.
 *
 * @throws Error that quotes the line
 */
export function parseScrape(text: string): Scrape {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, ScrapedFamily & { samples: Map<string, number> }>()
  let name = ''
  for (const line of text.slice(0, -1).split('\n')) {
    const refuse = (why: string) => new Error(`${why}: ${line}`)
    const help = /^# HELP (\S+) (.+)$/.exec(line)
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)
    if (help) {
      name = help[1] as string
      if (families.has(name)) throw refuse('a second family of that name')
      families.set(name, { type: '', help: help[2] as string, samples: new Map() })
      continue
    }
    const family = families.get(name)
    if (type) {
      if (!family || type[1] !== name || family.type !== '') throw refuse('TYPE out of place')
      families.set(name, { ...family, type: type[2] as string })
      continue
    }
    const sample = sampleLine.exec(line)
    if (!sample || !family) throw refuse('no sample')
    const [, sampleName = '', labels = '', value = ''] = sample
    const allowed = suffixes[family.type]?.map((suffix) => name + suffix) ?? []
    if (!allowed.includes(sampleName)) throw refuse(`not of the family ${name} (${family.type})`)
    const key = keyOf(sampleName, parseLabels(labels))
    if (family.samples.has(key)) throw refuse('a second time')
    family.samples.set(key, Number(value.replace('Inf', 'Infinity')))
  }
  for (const [familyName, family] of families) check(familyName, family)
  return {
    families,
    value(sampleName, labels = {}) {
      const familyName = sampleName.replace(/_(bucket|sum|count)$/, '')
      const family = families.get(sampleName) ?? families.get(familyName)
      return family?.samples.get(keyOf(sampleName, Object.entries(labels)))
    },
  }
}

function check(name: string, { type, samples }: ScrapedFamily): void {
  if (samples.size === 0) throw new Error(`${name} has no samples`)
  if (type === 'counter' && !name.endsWith('_total')) throw new Error(`${name} lacks _total`)
  if (type !== 'counter' && name.endsWith('_total')) throw new Error(`${name} is no counter`)
  if (type === 'counter')
    for (const value of samples.values()) if (!(value >= 0)) throw new Error(`${name} is ${value}`)
  if (type === 'histogram') checkBuckets(name, samples)
}

/** Buckets rise, the last one is for everything, and it is the count. */
function checkBuckets(name: string, samples: ReadonlyMap<string, number>): void {
  const highest = new Map<string, number>()
  const whole = new Set<string>()
  for (const [key, value] of samples) {
    const [sampleName, text = ''] = key.split('|')
    const labels = text.split(',')
    const others = labels.filter((label) => !label.startsWith('le=')).join(',')
    if (sampleName === `${name}_bucket`) {
      if (value < (highest.get(others) ?? 0) || whole.has(others)) throw new Error(`${key} falls`)
      highest.set(others, value)
      if (labels.includes('le=+Inf')) whole.add(others)
    }
    if (sampleName === `${name}_count` && (!whole.has(others) || value !== highest.get(others)))
      throw new Error(`${key} is not that of its last bucket`)
  }
}

function parseLabels(text: string): [string, string][] {
  const pairs: [string, string][] = []
  let rest = text
  while (rest !== '') {
    const pair = labelPair.exec(rest)
    if (!pair) throw new Error(`no labels: ${text}`)
    pairs.push([pair[1] as string, (pair[2] as string).replace(/\\(["\\n])/g, unescapeOne)])
    rest = rest.slice(pair[0].length)
  }
  return pairs
}

function unescapeOne(_all: string, letter: string): string {
  return letter === 'n' ? '\n' : letter
}

function keyOf(name: string, labels: readonly (readonly [string, string])[]): string {
  return `${name}|${labels
    .map(([label, value]) => `${label}=${value}`)
    .toSorted()
    .join(',')}`
}
