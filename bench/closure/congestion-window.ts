/**
 * How much a sender may have under way before the first of it is acknowledged, as TCP has it: little
 * on a new connection, one byte more for each that is acknowledged (slow start, RFC 5681), less again
 * after a pause (RFC 2861). Nothing gets lost on our line, so slow start never ends.
 *
 * Times are of a clock that never jumps, in milliseconds.
 */
export interface CongestionWindow {
  /** Bytes that may leave now. */
  room(nowMs: number): number
  /** Bytes leave, and their acknowledgement will be back at `ackedAtMs`. */
  sent(bytes: number, nowMs: number, ackedAtMs: number): void
  /** When there will be more room; undefined where nothing is under way. */
  readonly nextAckMs: number | undefined
}

/** Ten segments of an Ethernet (RFC 6928). */
const initialBytes = 10 * 1448
/** Linux waits at least so much longer than a round trip for an acknowledgement. */
const minTimeoutMs = 200

export function openCongestionWindow(rttMs: number): CongestionWindow {
  const timeoutMs = rttMs + minTimeoutMs
  const underWay: { readonly bytes: number; readonly ackedAtMs: number }[] = []
  let windowBytes = initialBytes
  let underWayBytes = 0
  /** Since when nothing has left that the window has not yet shrunk for. */
  let idleSinceMs = Number.POSITIVE_INFINITY

  const takeAcks = (nowMs: number) => {
    for (let [next] = underWay; next && next.ackedAtMs <= nowMs; [next] = underWay) {
      underWay.shift()
      // Who does not use the window learns nothing of the line (RFC 7661).
      if (2 * underWayBytes >= windowBytes) windowBytes += next.bytes
      underWayBytes -= next.bytes
    }
  }
  const shrink = (nowMs: number) => {
    for (; windowBytes > initialBytes && nowMs - idleSinceMs >= timeoutMs; idleSinceMs += timeoutMs)
      windowBytes = Math.max(initialBytes, windowBytes / 2)
  }
  return {
    room(nowMs) {
      takeAcks(nowMs)
      if (underWayBytes === 0) shrink(nowMs)
      return Math.floor(windowBytes) - underWayBytes
    },
    sent(bytes, nowMs, ackedAtMs) {
      underWay.push({ bytes, ackedAtMs })
      underWayBytes += bytes
      idleSinceMs = nowMs
    },
    get nextAckMs() {
      return underWay[0]?.ackedAtMs
    },
  }
}
