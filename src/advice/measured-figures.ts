import type { Measured } from './machine.ts'
import type { Spread } from './spread.ts'

export type MeasuredKey = keyof Measured

/** One figure that can be measured on a machine: what it is called, and which way is good. */
export interface MeasuredFigure {
  readonly key: MeasuredKey
  readonly title: string
  readonly unit: 'bytes/s' | '1/s' | 'ms' | 'share'
  readonly better: 'higher' | 'lower'
}

/** Every figure of Measured, in the order they are shown. */
export const measuredFigures: readonly MeasuredFigure[] = [
  rate('diskReadBytesPerSecond', 'disk, sequential read'),
  rate('diskWriteBytesPerSecond', 'disk, sequential write'),
  { ...rate('diskRandomReadsPerSecond', 'disk, random 4 KiB reads, 4 at a time'), unit: '1/s' },
  rate('xzDecodeBytesPerSecond', 'xz, unpacked by a core'),
  rate('zstdEncodeBytesPerSecond', 'zstd level 3, packed by a core'),
  rate('zstdDecodeBytesPerSecond', 'zstd, unpacked by a core'),
  rate('sha256BytesPerSecond', 'SHA-256 by a core'),
  rate('loopbackBytesPerSecond', 'loopback, one connection'),
  delay('loopbackLatencyMs', 'loopback, there and back'),
  rate('linkBytesPerSecond', 'link, from the cache'),
  delay('linkLatencyMs', 'link, there and back'),
  { key: 'linkLoss', title: 'link, packets lost', unit: 'share', better: 'lower' },
]

/** What the rounds of one measurement came to. */
export interface MeasuredReading extends Spread {
  readonly rounds: number
  /** The rounds lie so far apart that the median is worth little. */
  readonly isNoisy: boolean
}

/** A machine's measurements with what is to know about them. */
export interface Measurements {
  /** Medians, as a Machine holds them. */
  readonly measured: Measured
  readonly readings: Readonly<Partial<Record<MeasuredKey, MeasuredReading>>>
  /** What was not measured and why, and what is doubtful: a sentence each. */
  readonly notes: readonly string[]
  readonly seconds: number
}

function rate(key: MeasuredKey, title: string): MeasuredFigure {
  return { key, title, unit: 'bytes/s', better: 'higher' }
}

function delay(key: MeasuredKey, title: string): MeasuredFigure {
  return { key, title, unit: 'ms', better: 'lower' }
}
