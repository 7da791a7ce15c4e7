import { setTimeout as delay } from 'node:timers/promises'
import { AppError, isAppError, messageOf, upstreamTroubles } from '../errors.ts'
import type { NarInfo } from '../nix/narinfo.ts'
import type { AskOptions, Source } from '../nix/source.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { afterFailedProbe, afterFault, type Breaker, closedBreaker } from '../policy/breaker.ts'
import type { Log } from '../telemetry.ts'

/** A source that is not asked while it is known to be away. */
export interface GuardedSource extends Source {
  /** When it went away, by a clock that never jumps, in milliseconds; undefined while it is there. */
  readonly awaySince: number | undefined
}

export interface GuardOptions {
  readonly log: Log
  /** A clock that never jumps, in milliseconds. */
  readonly now: () => number
}

/** Questions that run on after whoever asked has his answer from elsewhere. */
const maxLingering = 3

const probeTimeoutMs = 5_000
/** Before the one retry of a small question: long enough for a dropped connection, short to a person. */
const retryMs = { least: 50, most: 250 }

/** Watches a source's faults: retries small questions once, and stops asking when it is away. */
export function guarded(source: Source, { log, now }: GuardOptions): GuardedSource {
  let breaker: Breaker = closedBreaker
  let reason = ''
  let timer: NodeJS.Timeout | undefined
  let lingering = 0
  const closing = new AbortController()

  function noteSuccess(): void {
    // While it is open only a probe closes it: an answer may have been on its way since before.
    if (breaker.state === 'closed') breaker = closedBreaker
  }

  function noteFault(error: unknown, options: AskOptions | undefined): void {
    if (!isAppError(error, ...upstreamTroubles)) {
      noteSuccess()
      return
    }
    // Many are fetched ahead at once: an upstream that now and then fails would look dead in an
    // instant. If it is, clients will find out. A wish to be left alone is heard from whoever hears it.
    if (options?.isPrefetch && error.retryAfterMs === undefined) return
    if (options?.isLane) return
    const before = breaker.state
    breaker = afterFault(breaker, now(), error.retryAfterMs)
    if (breaker.state === 'closed' || before === 'open') return
    reason = error.message
    log.warn({ upstream: source.name }, `${source.name} is away and asked no more: ${reason}`)
    scheduleProbe()
  }

  function scheduleProbe(): void {
    if (breaker.state === 'closed' || closing.signal.aborted) return
    timer = setTimeout(() => void probe(), Math.max(0, breaker.probeAt - now())).unref()
  }

  async function probe(): Promise<void> {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(probeTimeoutMs)])
    try {
      await source.probe(signal)
      breaker = closedBreaker
      log.info({ upstream: source.name }, `${source.name} is back`)
    } catch (error) {
      reason = messageOf(error)
      const retryAfterMs = isAppError(error) ? error.retryAfterMs : undefined
      breaker = afterFailedProbe(breaker, now(), retryAfterMs)
      scheduleProbe()
    }
  }

  async function watched<T>(
    signal: AbortSignal,
    options: AskOptions | undefined,
    ask: () => Promise<T>,
  ): Promise<T> {
    if (breaker.state === 'open')
      throw new AppError('UPSTREAM_UNREACHABLE', `${source.name} is away: ${reason}`)
    try {
      const answer = await ask()
      noteSuccess()
      return answer
    } catch (error) {
      if (!signal.aborted) noteFault(error, options)
      throw error
    }
  }

  /**
   * Asks on for a while when the caller leaves. Beside a quick upstream nobody would wait for the
   * timeouts of one that says nothing, and it would never be found to be away.
   */
  async function askNarinfo(
    hash: StoreHash,
    caller: AbortSignal,
    options: AskOptions | undefined,
  ): Promise<NarInfo | undefined> {
    caller.throwIfAborted()
    const over = new AbortController()
    const signal = AbortSignal.any([closing.signal, over.signal])
    const answer = watched(signal, options, () => source.narinfo(hash, signal, options))
    const left = Promise.withResolvers<never>()
    function leave(): void {
      left.reject(caller.reason)
      if (options?.isPrefetch || lingering === maxLingering) over.abort()
      else {
        lingering += 1
        const end = () => {
          lingering -= 1
        }
        answer.then(end, end)
      }
    }
    caller.addEventListener('abort', leave, { once: true })
    try {
      return await Promise.race([answer, left.promise])
    } finally {
      caller.removeEventListener('abort', leave)
    }
  }

  async function* watchedChunks(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    options: AskOptions | undefined,
  ) {
    try {
      yield* chunks
    } catch (error) {
      if (!signal.aborted) noteFault(error, options)
      throw error
    }
  }

  return {
    name: source.name,
    hasLanes: source.hasLanes,
    probe: (signal) => source.probe(signal),
    get awaySince() {
      return breaker.state === 'open' ? breaker.since : undefined
    },

    async narinfo(hash, signal, options) {
      const ask = () => askNarinfo(hash, signal, options)
      try {
        return await ask()
      } catch (error) {
        const mayRetry = isAppError(
          error,
          'UPSTREAM_UNREACHABLE',
          'UPSTREAM_STATUS',
          'UPSTREAM_CUT_SHORT',
        )
        const isOver = options?.isPrefetch || signal.aborted || breaker.state === 'open'
        if (!mayRetry || isOver) throw error
        await delay(retryMs.least + Math.random() * (retryMs.most - retryMs.least), undefined, {
          signal,
        })
        return ask()
      }
    },

    async nar(request, signal, options) {
      const body = await watched(signal, options, () => source.nar(request, signal, options))
      return body && { ...body, chunks: watchedChunks(body.chunks, signal, options) }
    },

    async close() {
      closing.abort()
      clearTimeout(timer)
      await source.close()
    },
  }
}
