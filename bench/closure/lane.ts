/** One direction of a line: bytes leave one after the other, at its bandwidth. */
export interface Lane {
  /** Takes bytes that are ready at `nowMs`; returns when the last of them has left. */
  send(bytes: number, nowMs: number): number
  /** How long what was taken before keeps the lane busy, from `nowMs` on. */
  busyMs(nowMs: number): number
  /**
   * A sender that the lane kept waiting comes back. Had we come back to it in time the lane would
   * not have run empty: what it sends now counts as sent then.
   */
  wake(nowMs: number): void
}

/** A lane makes up for so much of our own lateness, and no longer than this. */
const maxLateMs = 50

export function openLane(bytesPerSecond: number): Lane {
  let freeAtMs = Number.NEGATIVE_INFINITY
  let catchesUpUntilMs = Number.NEGATIVE_INFINITY
  return {
    send(bytes, nowMs) {
      const idleSinceMs = nowMs < catchesUpUntilMs ? nowMs - maxLateMs : nowMs
      freeAtMs = Math.max(freeAtMs, idleSinceMs) + (bytes / bytesPerSecond) * 1000
      if (freeAtMs >= nowMs) catchesUpUntilMs = Number.NEGATIVE_INFINITY
      return freeAtMs
    },
    busyMs: (nowMs) => Math.max(0, freeAtMs - nowMs),
    wake(nowMs) {
      if (freeAtMs < nowMs) catchesUpUntilMs = nowMs + maxLateMs
    },
  }
}
