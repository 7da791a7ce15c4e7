import { CacheConnection } from './connection.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { requestFor, type Site } from './site.ts'

/** What is asked of a server, and for how long. */
export interface Load {
  readonly site: Site
  /** Asked for in turn, from the root of the host. */
  readonly paths: readonly string[]
  readonly connections: number
  readonly seconds: number
  /** Bytes of bodies after which it ends early. */
  readonly maxBytes?: number
  /** The right ones; 200 by default. */
  readonly statuses?: readonly number[]
}

export interface LoadResult {
  /** Answers that came whole. */
  readonly responses: number
  /** Bytes of bodies, those of the answers cut off at the end too. */
  readonly bytes: number
  readonly seconds: number
  /** Answers with another status, or that did not come whole. */
  readonly errors: number
  readonly firstError: string | undefined
  /** From sending a request to the last byte of its answer; undefined without an answer. */
  readonly latencyMs: LatencyFigures | undefined
}

export interface LatencyFigures {
  readonly median: number
  readonly p90: number
  readonly p99: number
}

/** A connection on which so many requests in a row fail is given up: nobody is to be hammered. */
const maxFailuresInARow = 3

/**
 * Asks for paths in turn, on several connections, each as soon as the answer before has come, and
 * throws the bytes away. The answers that run when the time or the bytes are up are cut off.
 */
export async function runLoad(load: Load, signal?: AbortSignal): Promise<LoadResult> {
  const { site, paths, statuses = [200], maxBytes = Number.POSITIVE_INFINITY } = load
  const requests = paths.map((path) => requestFor(site, path))
  const latencies = new LatencyHistogram()
  let [asked, responses, bytes, errors] = [0, 0, 0, 0]
  let firstError: string | undefined
  let isOverdue = false
  const { promise, resolve } = Promise.withResolvers<void>()
  let running = load.connections
  const onBody = (_: Uint8Array, start: number, end: number) => {
    bytes += end - start
    if (bytes >= maxBytes || isOverdue) resolve()
  }

  const work = (connection: CacheConnection) => {
    let failures = 0
    const ask = () => {
      const sentAt = performance.now()
      connection.ask(requests[asked++ % requests.length] as Buffer, onBody, (fault, head) => {
        const isRight = head !== undefined && statuses.includes(head.status)
        const error = fault ?? (isRight ? undefined : `status ${head?.status}`)
        if (error === undefined) {
          failures = 0
          responses += 1
          latencies.add(performance.now() - sentAt)
        } else {
          errors += 1
          failures += 1
          firstError ??= error
        }
        if (isOverdue) resolve()
        if (failures < maxFailuresInARow) ask()
        else if (--running === 0) resolve()
      })
    }
    ask()
  }

  const start = performance.now()
  const connections = Array.from({ length: load.connections }, () => new CacheConnection(site))
  const timer = setTimeout(() => {
    // From a cache that is farther away than the time is long, the first answer is awaited.
    isOverdue = responses + bytes + errors === 0
    if (!isOverdue) resolve()
  }, load.seconds * 1000)
  signal?.addEventListener('abort', () => resolve())
  for (const connection of connections) work(connection)
  await promise
  const seconds = (performance.now() - start) / 1000
  clearTimeout(timer)
  for (const connection of connections) connection.close()
  signal?.throwIfAborted()
  return { responses, bytes, seconds, errors, firstError, latencyMs: figuresOf(latencies) }
}

function figuresOf(latencies: LatencyHistogram): LatencyFigures | undefined {
  const [median, p90, p99] = [0.5, 0.9, 0.99].map((share) => latencies.quantile(share))
  if (median === undefined || p90 === undefined || p99 === undefined) return undefined
  return { median, p90, p99 }
}
