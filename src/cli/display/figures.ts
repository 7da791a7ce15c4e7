import { formatDuration, formatSize } from '../../units.ts'

/** Bytes in a second: "98 MiB/s"; a dash for what is not known. */
export function formatByteRate(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined) return '–'
  return `${formatSize(Math.round(bytesPerSecond))}/s`
}

/** Bytes in a second as networks count them: "786 Mbit/s". */
export function formatBitRate(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined) return '–'
  const kilobits = (bytesPerSecond * 8) / 1e3
  if (kilobits < 1000) return `${Math.round(kilobits)} kbit/s`
  const megabits = kilobits / 1e3
  return megabits < 10_000
    ? `${megabits.toFixed(megabits < 10 ? 1 : 0)} Mbit/s`
    : `${(megabits / 1e3).toFixed(1)} Gbit/s`
}

/** How often in a second: "1204/s", "0.3/s". */
export function formatRate(perSecond: number | undefined): string {
  if (perSecond === undefined) return '–'
  return `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond))}/s`
}

/** A number that may be large: "950", "12.4k", "3.1M". */
export function formatCount(count: number): string {
  if (count < 10_000) return String(count)
  return count < 1e6 ? `${(count / 1e3).toFixed(1)}k` : `${(count / 1e6).toFixed(1)}M`
}

export function formatPercent(percent: number | undefined): string {
  return percent === undefined ? '–' : `${Math.round(percent)} %`
}

/** How long ago: "3m ago"; the largest unit alone. */
export function formatAge(ms: number): string {
  const [largest = '0s'] = formatDuration(Math.max(0, ms)).split(' ')
  return `${largest} ago`
}
