import { AppError, messageOf } from '../../errors.ts'
import { readStatus, type ShownStatus } from './read-status.ts'

export interface FetchedStatus {
  /** As the server sent it. */
  readonly answer: unknown
  /** Whole, whatever the server's version: to be shown. */
  readonly report: ShownStatus
}

/** @throws AppError NO_SERVER */
export async function fetchStatus(url: URL, timeoutMs: number): Promise<FetchedStatus> {
  const address = new URL('api/v1/status', url.href.endsWith('/') ? url : `${url.href}/`)
  const response = await fetch(address, { signal: AbortSignal.timeout(timeoutMs) }).catch(
    (cause: unknown) => {
      throw new AppError('NO_SERVER', `cannot reach ${url.origin}: ${reasonOf(cause)}`, { cause })
    },
  )
  const answer: unknown = await response.json().catch(() => undefined)
  const report = response.ok ? readStatus(answer) : undefined
  if (report === undefined)
    throw new AppError('NO_SERVER', `what answers at ${url.origin} is no narwhal of this version`)
  return { answer, report }
}

/** What lies behind fetch's "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join('; ')
  return messageOf(cause)
}
