import { setTimeout as wait } from 'node:timers/promises'
import { KiB } from '../../src/units.ts'
import type { Fault } from './fake-upstream.ts'

/** What a file is read by. */
const pieceBytes = 64 * KiB
/** Makes 8 MiB/s. */
const pieceMs = 1000 / 128
/** A machine that was busy for a moment makes up for this much. */
const maxBehindMs = 500

/** Gives each answer 8 MiB/s of its own, as a server does that shapes connections. */
export function ownTrickle(): Fault {
  return (answer, { signal }) => ({ ...answer, body: paced(answer.body, pace(), signal) })
}

/** Gives all answers 8 MiB/s together, as a line does. */
export function sharedTrickle(): Fault {
  const shared = pace()
  return (answer, { signal }) => ({ ...answer, body: paced(answer.body, shared, signal) })
}

type Pace = (bytes: number, signal: AbortSignal) => Promise<void>

/** Keeps to the rate by the clock, whatever the timers do. */
function pace(): Pace {
  let dueAt = performance.now()
  return async (bytes, signal) => {
    const now = performance.now()
    dueAt = Math.max(dueAt, now - maxBehindMs) + (bytes / pieceBytes) * pieceMs
    if (dueAt > now) await wait(dueAt - now, undefined, { signal })
  }
}

async function* paced(body: AsyncIterable<Uint8Array>, keepPace: Pace, signal: AbortSignal) {
  for await (const chunk of body) {
    await keepPace(chunk.length, signal)
    yield chunk
  }
}
