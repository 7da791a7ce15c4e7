/**
 * Reads a Retry-After header: seconds, or a date in any of HTTP's three notations (RFC 9110, 10.2.3).
 *
 * @param nowMs milliseconds since 1970
 * @returns milliseconds to wait, never negative; undefined when there is none to read
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim()
  if (!text) return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}
