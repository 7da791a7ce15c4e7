import { type FigureName, figures } from './figures.ts'
import type { Cpu, Machine } from './machine.ts'

/** Something a machine does at some rate or in some time, and how that is known. */
export interface Part {
  /** as in "the link", "the disk": what is said to bound */
  readonly name: string
  readonly value: number
  readonly isMeasured: boolean
  /** a clause for formulas: "44 MB/s measured", "44 MB/s × 0.5 assumed" */
  readonly origin: 'measured' | 'assumed'
}

/** What one core does, in bytes a second, and the loopback, which is a core's work too. */
export interface CoreParts {
  readonly xzDecode: Part
  readonly zstdEncode: Part
  readonly sha256: Part
  readonly loopback: Part
  readonly loopbackLatencyMs: Part
}

const unknownClockSpeed = 0.5

/**
 * How fast a core is beside the one the figures come from, judged by its clock alone: at most as
 * fast, and half as fast where the clock is unknown.
 */
export function relativeCoreSpeed({ maxMegahertz }: Cpu): number {
  if (maxMegahertz === undefined) return unknownClockSpeed
  return Math.min(1, maxMegahertz / figures.referenceMegahertz.value)
}

export function coreParts({ cpu, measured }: Machine): CoreParts {
  const speed = relativeCoreSpeed(cpu)
  const hasSha = cpu.features.includes('sha_ni') || cpu.features.includes('sha2')
  const rate = (name: string, value: number | undefined, figure: FigureName) =>
    part(name, value, figures[figure].value * speed)
  return {
    xzDecode: rate('unpacking xz', measured.xzDecodeBytesPerSecond, 'narwhalXzBytesPerSecond'),
    zstdEncode: rate('packing zstd', measured.zstdEncodeBytesPerSecond, 'zstdEncodeBytesPerSecond'),
    sha256: rate(
      'SHA-256',
      measured.sha256BytesPerSecond,
      hasSha ? 'sha256BytesPerSecond' : 'plainSha256BytesPerSecond',
    ),
    loopback: rate('the loopback', measured.loopbackBytesPerSecond, 'loopbackBytesPerSecond'),
    loopbackLatencyMs: part(
      'the loopback',
      measured.loopbackLatencyMs,
      figures.loopbackLatencyMs.value / speed,
    ),
  }
}

/** A measured value where there is one, else the assumed one. */
export function part(name: string, measured: number | undefined, assumed: number): Part {
  return measured === undefined
    ? { name, value: assumed, isMeasured: false, origin: 'assumed' }
    : { name, value: measured, isMeasured: true, origin: 'measured' }
}

/** The least of several rates: what all must pass. */
export function bottleneckOf(parts: readonly [Part, ...Part[]]): Part {
  return parts.reduce((least, other) => (other.value < least.value ? other : least))
}
