type Headers = Readonly<Record<string, string | string[] | undefined>>

/** What a 206 says it is. */
export interface ContentRange {
  readonly first: number
  readonly last: number
  /** Bytes of the whole file; undefined when the response does not say. */
  readonly total: number | undefined
}

/** @returns undefined when it cannot be read */
export function contentRange(headers: Headers): ContentRange | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(String(headers['content-range']))
  if (!match) return undefined
  const total = match[3] === '*' ? undefined : Number(match[3])
  return { first: Number(match[1]), last: Number(match[2]), total }
}

/** Bytes of a response's body; undefined when it does not say. */
export function contentLength(headers: Headers): number | undefined {
  const length = headers['content-length']
  return typeof length === 'string' && /^\d+$/.test(length) ? Number(length) : undefined
}

/** @returns undefined for none, and for a weak one, which may stand for other bytes too */
export function strongEtag(headers: Headers): string | undefined {
  const { etag } = headers
  return typeof etag === 'string' && /^"[\x21\x23-\x7e]*"$/.test(etag) ? etag : undefined
}
