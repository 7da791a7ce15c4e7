export interface PrefetchCounts {
  /** Fetched before anybody asked; narinfos and NARs. */
  readonly prefetchedBytes: number
  /** Of those, asked for since. */
  readonly usedBytes: number
}

/** What a narwhal says of its fetching ahead; undefined when it does not know such a thing. */
export async function readPrefetch(url: string): Promise<PrefetchCounts | undefined> {
  const response = await fetch(`${url}/metrics`)
  const text = await response.text()
  const prefetchedBytes = sumOf(text, 'narwhal_prefetched_bytes_total')
  const usedBytes = sumOf(text, 'narwhal_prefetch_used_bytes_total')
  if (prefetchedBytes === undefined || usedBytes === undefined) return undefined
  return { prefetchedBytes, usedBytes }
}

/** All samples of a metric, whatever their labels, added up; undefined when there are none. */
export function sumOf(scrape: string, metric: string): number | undefined {
  const samples = new RegExp(`^${metric}(?:\\{.*\\})? (\\S+)$`, 'gm')
  const values = [...scrape.matchAll(samples)].map(([, value]) => Number(value))
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0)
}
