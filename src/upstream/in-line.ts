import type { NarBody } from '../nix/source.ts'
import { ConnectionSlots } from './connection-slots.ts'
import type { GuardedSource } from './guarded.ts'

/**
 * The same source, asked only when it has a connection free. The wait is not taken for the source's
 * own, and who finds it away at the end of the wait hears so at once.
 */
export function inLine(source: GuardedSource, connections: number): GuardedSource {
  const slots = new ConnectionSlots(connections)
  return {
    name: source.name,
    hasLanes: source.hasLanes,
    get awaySince() {
      return source.awaySince
    },
    probe: (signal) => source.probe(signal),
    close: () => source.close(),

    async narinfo(hash, signal, options) {
      const release = await slots.take('narinfo', signal)
      try {
        return await source.narinfo(hash, signal, options)
      } finally {
        release()
      }
    },

    async nar(request, signal, options) {
      const release = await slots.take('nar', signal)
      let body: NarBody | undefined
      try {
        body = await source.nar(request, signal, options)
      } finally {
        if (!body) release()
      }
      if (!body) return undefined
      // A body that nobody reads ends with its signal.
      if (signal.aborted) release()
      signal.addEventListener('abort', release, { once: true })
      const end = () => {
        signal.removeEventListener('abort', release)
        release()
      }
      return { ...body, chunks: endingWith(body.chunks, end) }
    },
  }
}

async function* endingWith(chunks: NarBody['chunks'], end: () => void): NarBody['chunks'] {
  try {
    yield* chunks
  } finally {
    end()
  }
}
