import { setTimeout as delay } from 'node:timers/promises'

const pollMs = 250
const limitMs = 600_000

/**
 * Waits until a narwhal has recompressed all it has to.
 *
 * @returns why there is nothing to measure; undefined when all is done
 */
export async function awaitRecompressed(
  url: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const giveUpAtMs = performance.now() + limitMs
  let idlePolls = 0
  for (;;) {
    const status = await fetch(`${url}/api/v1/status`, { signal }).then((answer) => answer.json())
    const state = readRecompression(status)
    if (state === undefined) return 'this narwhal does not recompress'
    if (!state.isOn) return `recompression is off${state.reason && `: ${state.reason}`}`
    // Between two jobs the queue may look empty for a moment.
    idlePolls = state.left === 0 ? idlePolls + 1 : 0
    if (idlePolls === 4) return state.done > 0 ? undefined : 'nothing was recompressed'
    if (performance.now() > giveUpAtMs)
      return `recompression had ${state.left} NARs left after ${limitMs / 60_000} minutes`
    await delay(pollMs, undefined, { signal })
  }
}

interface Recompression {
  readonly isOn: boolean
  readonly reason: string
  /** NARs that wait or are being worked on, and those that have no place in the cache yet. */
  readonly left: number
  readonly done: number
}

/** Reads the part of a status that tells of recompression; undefined where there is none. */
export function readRecompression(status: unknown): Recompression | undefined {
  const { recompress, downloads = [] } = status as {
    recompress?: Record<string, unknown>
    downloads?: readonly unknown[]
  }
  if (recompress === undefined) return undefined
  const count = (field: string) => Number(recompress[field] ?? 0)
  return {
    isOn: recompress.isOn === true,
    reason: String(recompress.reason ?? ''),
    left: count('queued') + count('running') + downloads.length,
    done: count('done'),
  }
}
