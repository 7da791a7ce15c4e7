import type { Telemetry } from '../telemetry.ts'
import { History, historyEveryMs } from './history.ts'

/** Totals since the server started, in bytes and requests. */
export interface TrafficTotals {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly requests: number
}

export const sampleEveryMs = 1_000

/** Watches what goes in and out, second by second, and keeps the last hour of it. */
export class TrafficSampler {
  readonly history = new History()
  /** The best second so far. */
  peakSentPerSecond = 0
  sentPerSecond = 0
  receivedPerSecond = 0
  /** Everything fetched since the start, also from upstreams that are configured no more. */
  receivedBytes = 0
  /** The seconds in which something came in, for the speed of the upstreams. */
  #receivingMs = 0
  #last: TrafficTotals
  #lastAt: number
  #windowAt: number
  #window = { sent: 0, received: 0, requests: 0, peakSent: 0 }

  /** @param now a clock that never jumps, in milliseconds; so for `sample` */
  constructor(totals: TrafficTotals, now: number) {
    this.#last = totals
    this.#lastAt = now
    this.#windowAt = now
  }

  /** How fast bytes come from the upstreams while they come; undefined before any did. */
  get fetchBytesPerSecond(): number | undefined {
    return this.#receivingMs === 0 ? undefined : this.receivedBytes / (this.#receivingMs / 1000)
  }

  /** @param at milliseconds since 1970 */
  sample(totals: TrafficTotals, now: number, at: number): void {
    const ms = now - this.#lastAt
    if (ms <= 0) return
    const gained = (total: keyof TrafficTotals) => totals[total] - this.#last[total]
    const sent = gained('sentBytes')
    const received = gained('receivedBytes')
    this.sentPerSecond = (sent * 1000) / ms
    this.receivedPerSecond = (received * 1000) / ms
    this.peakSentPerSecond = Math.max(this.peakSentPerSecond, this.sentPerSecond)
    this.receivedBytes += received
    if (received > 0) this.#receivingMs += ms
    this.#window.sent += sent
    this.#window.received += received
    this.#window.requests += gained('requests')
    this.#window.peakSent = Math.max(this.#window.peakSent, this.sentPerSecond)
    this.#last = totals
    this.#lastAt = now
    if (now - this.#windowAt >= historyEveryMs - sampleEveryMs / 2) this.#endWindow(now, at)
  }

  #endWindow(now: number, at: number): void {
    const seconds = (now - this.#windowAt) / 1000
    const { sent, received, requests, peakSent } = this.#window
    this.history.add(at, {
      sent: sent / seconds,
      received: received / seconds,
      requests: requests / seconds,
      peakSent,
    })
    this.#window = { sent: 0, received: 0, requests: 0, peakSent: 0 }
    this.#windowAt = now
  }
}

export function totalsOf(telemetry: Telemetry): TrafficTotals {
  return {
    sentBytes: sum(Object.values(telemetry.sentBytes)),
    receivedBytes: telemetry.receivedBytes,
    requests: sum(
      (['narinfo', 'nar'] as const).flatMap((kind) => Object.values(telemetry.requests[kind])),
    ),
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
