type Headers = Readonly<Record<string, string | string[] | undefined>>

/** First byte of a 206, from its Content-Range; undefined when that cannot be read. */
export function contentRangeStart(headers: Headers): number | undefined {
  const match = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(String(headers['content-range']))
  return match ? Number(match[1]) : undefined
}

/**
 * Bytes of the whole file that a body is the rest of.
 *
 * @param offset first byte of the body
 * @returns undefined when the response does not say
 */
export function wholeSize(headers: Headers, offset: number): number | undefined {
  const total = /\/(\d+)$/.exec(String(headers['content-range'] ?? ''))?.[1]
  if (offset > 0 && total !== undefined) return Number(total)
  const length = headers['content-length']
  return typeof length === 'string' && /^\d+$/.test(length) ? offset + Number(length) : undefined
}
