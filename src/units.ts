import { AppError } from './errors.ts'

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB
export const TiB = 1024 * GiB

const factors: Readonly<Record<string, number>> = {
  B: 1,
  K: KiB,
  M: MiB,
  G: GiB,
  T: TiB,
  KiB,
  MiB,
  GiB,
  TiB,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
}

/**
 * Reads a size such as "50GiB", "1.5 TB" or "4096" (bytes).
 *
 * @returns bytes, a whole number
 * @throws AppError BAD_SIZE
 */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text)
  const factor = match ? (match[2] === '' ? 1 : factors[match[2] as string]) : undefined
  const bytes = match && factor !== undefined ? Math.round(Number(match[1]) * factor) : Number.NaN
  if (!Number.isSafeInteger(bytes)) throw new AppError('BAD_SIZE', `"${text}" is not a size`)
  return bytes
}

/** Writes bytes for people: 1536 → "1.5 KiB". */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`
}

/**
 * Reads a duration such as "500ms", "30s", "5m", "1h" or "7d".
 *
 * @returns milliseconds, a whole number; undefined when it is not a duration
 */
export function parseDuration(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$/.exec(text)
  if (!match) return undefined
  const perUnit = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }
  return Math.round(Number(match[1]) * perUnit[match[2] as keyof typeof perUnit])
}

/** Writes milliseconds for people, in the two largest units that count: "3d 4h", "12m 0s", "7s". */
export function formatDuration(ms: number): string {
  const units = [
    ['d', 86400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const
  const seconds = Math.floor(ms / 1000)
  const largest = units.findIndex(([, perUnit]) => seconds >= perUnit)
  if (largest === -1) return '0s'
  let rest = seconds
  return units
    .slice(largest, largest + 2)
    .map(([unit, perUnit]) => {
      const count = Math.floor(rest / perUnit)
      rest -= count * perUnit
      return `${count}${unit}`
    })
    .join(' ')
}

/** A limit in bytes, or as a share of the filesystem it is about. */
export type Amount =
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'percent'; readonly percent: number }

/** @returns bytes */
export function resolveAmount(amount: Amount, filesystemBytes: number): number {
  if (amount.kind === 'bytes') return amount.bytes
  return Math.floor((filesystemBytes * amount.percent) / 100)
}
