import { AppError } from '../errors.ts'
import type { Source } from '../nix/source.ts'
import { laneBytes, maxLanes } from '../policy/lanes.ts'
import type { OpenBody } from './lanes-body.ts'

export interface LaneOrder {
  readonly source: Source
  readonly url: string
  /** Of the object all ranges must be parts of, where its upstream names it. */
  readonly etag: string | undefined
  readonly from: number
  /** Bytes of the whole file. */
  readonly size: number
  /** Asked before each further range; once false, only what is on its way is waited for. */
  readonly mayGoOn: () => boolean
  readonly signal: AbortSignal
}

/** One range, and what has come of it. */
interface Lane {
  readonly first: number
  readonly length: number
  readonly chunks: Uint8Array[]
  received: number
  state: 'asked' | 'open' | 'whole'
}

/**
 * Fetches several ranges of one file at once and hands them on strictly in order. What is ahead
 * waits in memory: at most `maxLanes` times `laneBytes`. A reader that pauses pauses them all.
 *
 * The first range is taken from a body that is open already. That is closed once the others have
 * begun: a server that knows no ranges has only this one way to send the file.
 *
 * @throws AppError when any of the ranges fails; all others have ended by then
 */
export async function* fetchLanes(open: OpenBody, order: LaneOrder): AsyncGenerator<Uint8Array> {
  const { from, size, mayGoOn } = order
  const ending = new AbortController()
  const signal = AbortSignal.any([order.signal, ending.signal])
  const lanes: Lane[] = []
  const pumps = new Set<Promise<void>>()
  const end = Math.min(from + laneBytes, size)
  let next = end
  const faults: unknown[] = []
  let change = Promise.withResolvers<void>()

  function wake(): void {
    change.resolve()
    change = Promise.withResolvers()
  }

  function begin(most: number): void {
    while (lanes.length < most && next < size && mayGoOn()) {
      const length = Math.min(laneBytes, size - next)
      const lane: Lane = { first: next, length, chunks: [], received: 0, state: 'asked' }
      next += length
      lanes.push(lane)
      const pump = fetchInto(lane, { ...order, signal }, wake)
        .catch((error: unknown) => {
          faults.push(error)
          wake()
        })
        .finally(() => pumps.delete(pump))
      pumps.add(pump)
    }
  }

  function requireSound(): void {
    if (faults.length > 0) throw faults[0]
  }

  try {
    begin(maxLanes - 1)
    for (let at = from; at < end; ) {
      const chunk = await open.take(end - at)
      if (!chunk) throw new AppError('UPSTREAM_CUT_SHORT', `${order.source.name} ended at ${at}`)
      at += chunk.length
      yield chunk
      requireSound()
    }
    while (lanes.some(({ state }) => state === 'asked')) {
      await change.promise
      requireSound()
    }
    await open.close()
    begin(maxLanes)
    for (let lane = lanes[0]; lane; lane = lanes[0]) {
      requireSound()
      const chunk = lane.chunks.shift()
      if (chunk) yield chunk
      else if (lane.state !== 'whole') await change.promise
      else {
        lanes.shift()
        begin(maxLanes)
      }
    }
  } finally {
    ending.abort()
    await Promise.all(pumps)
  }
}

/** Fetches one range. */
async function fetchInto(
  lane: Lane,
  { source, url, etag, size, signal }: LaneOrder,
  onChange: () => void,
): Promise<void> {
  const { first, length } = lane
  const { name } = source
  const body = await source.nar({ url, offset: first, length, etag }, signal, { isLane: true })
  if (!body) throw malformed(`${name} no longer has ${url}`)
  if (body.size !== size) throw malformed(`${name} offers ${body.size} bytes of ${size} of ${url}`)
  lane.state = 'open'
  onChange()
  for await (const chunk of body.chunks) {
    lane.received += chunk.length
    if (lane.received > length) throw malformed(`${name} sent more of ${url} than asked for`)
    lane.chunks.push(chunk)
    onChange()
  }
  if (lane.received < length)
    throw new AppError('UPSTREAM_CUT_SHORT', `${name} sent ${lane.received} of ${length} bytes`)
  lane.state = 'whole'
  onChange()
}

function malformed(what: string): AppError {
  return new AppError('UPSTREAM_MALFORMED', what)
}
