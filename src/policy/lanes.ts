import { MiB } from '../units.ts'

/** Bytes of one range. */
export const laneBytes = 4 * MiB
/** Ranges of one file asked for at once; with what each holds, the memory a download takes. */
export const maxLanes = 4
/** Downloads that may have lanes at the same time. */
export const maxLaneDownloads = 2
/** How long what a trial has shown of an upstream is believed, in milliseconds. */
export const believedMs = 3_600_000

/** One round opens the connections, the next is measured. */
const roundBytes = maxLanes * laneBytes
const leastBytes = 2 * roundBytes
/** A line this fast needs no help, in bytes per millisecond: 200 Mbit/s. */
const fastBytesPerMs = 25_000
/** With more clients on one download, what is waited for is this machine as much as the line. */
const mostReaders = 4
const worthwhileGain = 1.3

/** The beginning says little about a line: TCP feels its way. */
const settlingMs = 250
const measuredMs = 1_000

/** True when so much is still to come that several ranges at once may pay. */
export function isWorthLanes(bytesToCome: number): boolean {
  return bytesToCome >= leastBytes
}

/** True when how long a download waits says something about its line, and somebody cares. */
export function tellsOfLine(readers: number): boolean {
  return readers > 0 && readers <= mostReaders
}

/** True when several connections may bring more than this one. */
export function mayGain(bytesPerMs: number): boolean {
  return bytesPerMs < fastBytesPerMs
}

/** Measures one connection by what came in the time spent waiting for it, for about a second. */
export class LineGauge {
  #bytes = 0
  #waitedMs = 0
  #hasSettled = false

  note(bytes: number, waitedMs: number): void {
    this.#bytes += bytes
    this.#waitedMs += waitedMs
    if (this.#hasSettled || this.#waitedMs < settlingMs) return
    this.#hasSettled = true
    this.#bytes = 0
    this.#waitedMs = 0
  }

  /** Forgets all: other downloads took their part of the line. */
  reset(): void {
    this.#bytes = 0
    this.#waitedMs = 0
    this.#hasSettled = false
  }

  /** Undefined until it has been measured for long enough. */
  get bytesPerMs(): number | undefined {
    return this.#hasSettled && this.#waitedMs >= measuredMs
      ? this.#bytes / this.#waitedMs
      : undefined
  }
}

/** Measures several ranges at once against the one connection before them. */
export class LaneTrial {
  readonly #plainBytesPerMs: number
  #bytes = 0
  #measuredBytes = 0
  #measuredMs = 0

  constructor(plainBytesPerMs: number) {
    this.#plainBytesPerMs = plainBytesPerMs
  }

  note(bytes: number, waitedMs: number): void {
    // Ranges come to their end together, so that only whole rounds can be compared.
    if (this.#bytes >= roundBytes && this.#bytes < leastBytes) {
      this.#measuredBytes += bytes
      this.#measuredMs += waitedMs
    }
    this.#bytes += bytes
  }

  /** Undefined until it has been measured for long enough. */
  get gain(): number | undefined {
    if (this.#bytes < leastBytes) return undefined
    return this.#measuredBytes / Math.max(this.#measuredMs, 1) / this.#plainBytesPerMs
  }

  /** True when lanes have shown what they are worth; undefined until that is known. */
  get isWon(): boolean | undefined {
    const { gain } = this
    return gain === undefined ? undefined : gain >= worthwhileGain
  }
}
