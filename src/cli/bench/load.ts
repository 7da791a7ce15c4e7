import { CacheConnection } from './connection.ts'
import { requestFor, type Site } from './site.ts'
import { type LoadResult, Tally } from './tally.ts'

/** What is asked of a server, and for how long. */
export interface Load {
  readonly site: Site
  /** Asked for in turn, from the root of the host. */
  readonly paths: readonly string[]
  readonly connections: number
  readonly seconds: number
  /**
   * Before that, in which connections begin evenly apart and nothing counts: readers that begin
   * together stay in step for seconds, and share what the processor has in its cache. 0 by default.
   */
  readonly leadSeconds?: number
  /** Bytes of bodies after which it ends early, those of the lead included. */
  readonly maxBytes?: number
  /** The right ones; 200 by default. */
  readonly statuses?: readonly number[]
}

/** How long the lead of a measurement is, as a share of what counts. */
export const leadShare = 0.5

/** A connection on which so many requests in a row fail is given up: nobody is to be hammered. */
const maxFailuresInARow = 3
/** Of the bytes that may be read: the rest is for what counts. */
const maxLeadShare = 0.25

/**
 * Asks for paths in turn, on several connections, each as soon as the answer before has come, and
 * throws the bytes away. The answers that run when the time or the bytes are up are cut off.
 */
export async function runLoad(load: Load, signal?: AbortSignal): Promise<LoadResult> {
  const { site, paths, statuses = [200], maxBytes = Number.POSITIVE_INFINITY } = load
  const leadMs = (load.leadSeconds ?? 0) * 1000
  const requests = paths.map((path) => requestFor(site, path))
  const connections = Array.from({ length: load.connections }, () => new CacheConnection(site))
  const idle = connections.values()
  const tally = new Tally()
  const { promise, resolve } = Promise.withResolvers<void>()
  let [asked, running] = [0, connections.length]
  let isLead = true
  let isOverdue = false
  let end: NodeJS.Timeout | undefined
  const onBody = (_: Uint8Array, from: number, to: number) => {
    tally.received(to - from)
    if (tally.bytes >= maxBytes || isOverdue) resolve()
    else if (isLead && tally.bytes >= maxBytes * maxLeadShare) endLead()
  }

  const work = (connection: CacheConnection) => {
    let failures = 0
    const ask = () => {
      const sentAt = performance.now()
      connection.ask(requests[asked++ % requests.length] as Buffer, onBody, (fault, head) => {
        const isRight = head !== undefined && statuses.includes(head.status)
        const error = fault ?? (isRight ? undefined : `status ${head?.status}`)
        failures = error === undefined ? 0 : failures + 1
        if (error === undefined) tally.answered(performance.now() - sentAt)
        else tally.failed(error)
        if (isOverdue) resolve()
        if (failures < maxFailuresInARow) ask()
        else if (--running === 0) resolve()
      })
    }
    ask()
  }
  const beginNext = () => {
    const { value } = idle.next()
    if (value) work(value)
  }
  const endLead = () => {
    isLead = false
    clearTimeout(leadTimer)
    clearInterval(beginTimer)
    tally.count()
    for (const connection of idle) work(connection)
    end = setTimeout(() => {
      // From a cache that is farther away than the time is long, the first answer is awaited.
      isOverdue = tally.isEmpty
      if (!isOverdue) resolve()
    }, load.seconds * 1000)
  }
  const leadTimer = setTimeout(endLead, leadMs)
  const beginTimer = setInterval(beginNext, leadMs / connections.length)
  signal?.addEventListener('abort', () => resolve())
  if (leadMs > 0) beginNext()
  else endLead()
  await promise
  const result = tally.result()
  for (const timer of [leadTimer, beginTimer, end]) clearTimeout(timer)
  for (const connection of connections) connection.close()
  signal?.throwIfAborted()
  return result
}
