import { isAppError, upstreamTroubles } from '../errors.ts'
import type { NarBody, Source } from '../nix/source.ts'
import {
  addDuration,
  countUnverified,
  type Telemetry,
  type UpstreamCounters,
  type UpstreamKind,
} from '../telemetry.ts'

/** Clocks in milliseconds: one that never jumps, and the time of day. */
export interface Clocks {
  readonly monotonic: () => number
  readonly wall: () => number
}

/** Faults that say the upstream is in trouble; what it sent may be wrong while it is well. */
const troubles = [...upstreamTroubles, 'UPSTREAM_MALFORMED'] as const

/** The same source, with its answers, times and faults counted. */
export function observed(
  source: Source,
  telemetry: Telemetry,
  clocks: Clocks = { monotonic: () => performance.now(), wall: Date.now },
): Source {
  const counters = telemetry.upstream(source.name)

  async function timed<T>(
    kind: UpstreamKind,
    signal: AbortSignal,
    ask: () => Promise<T>,
  ): Promise<T> {
    const started = clocks.monotonic()
    const seconds = () => (clocks.monotonic() - started) / 1000
    try {
      const answer = await ask()
      addDuration(counters.durations[kind], seconds())
      return answer
    } catch (error) {
      // Nobody wanted the answer any more: that says nothing about the upstream.
      if (!signal.aborted) {
        addDuration(counters.durations[kind], seconds())
        note(kind, error)
      }
      throw error
    }
  }

  function note(kind: UpstreamKind, error: unknown): void {
    if (!isAppError(error)) return
    countUnverified(counters, error.code)
    if (!isAppError(error, ...troubles)) return
    counters.failures[kind] += 1
    counters.lastFailure = { code: error.code, message: error.message, at: clocks.wall() }
  }

  return {
    name: source.name,
    hasLanes: source.hasLanes,
    close: () => source.close(),
    probe: (signal) => source.probe(signal),
    narinfo: (hash, signal, options) =>
      timed('narinfo', signal, () => source.narinfo(hash, signal, options)),
    async nar(request, signal, options) {
      const body = await timed('nar', signal, () => source.nar(request, signal, options))
      if (!body) return undefined
      const onFault = (error: unknown) => {
        if (!signal.aborted) note('nar', error)
      }
      return { ...body, chunks: countedChunks(body.chunks, counters, onFault) }
    },
  }
}

async function* countedChunks(
  chunks: NarBody['chunks'],
  counters: UpstreamCounters,
  onFault: (error: unknown) => void,
): NarBody['chunks'] {
  try {
    for await (const chunk of chunks) {
      counters.receivedBytes += chunk.length
      yield chunk
    }
  } catch (error) {
    onFault(error)
    throw error
  }
}
