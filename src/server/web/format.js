/** Figures as people read them. */

const whole = new Intl.NumberFormat('en')
const sizes = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
const rates = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s']

export const formatCount = (count) => whole.format(count)

/** @param bytes 1536 → "1.5 KiB" */
export function formatSize(bytes) {
  return scaled(bytes, 1024, sizes)
}

/** @param bytes in a second → "12 Mbit/s" */
export function formatRate(bytes) {
  return scaled(bytes * 8, 1000, rates)
}

/** @param share 0 to 1; never "100 %" of what is not all */
export function formatShare(share) {
  const percent = share * 100
  if (percent > 99.9 && percent < 100) return '99.9 %'
  return `${percent === 100 || percent === 0 ? percent : percent.toFixed(1)} %`
}

/** In its two largest units: "3 d 4 h", "12 min 5 s". */
export function formatDuration(seconds) {
  const units = [
    ['d', 86400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ]
  if (seconds > 0 && seconds < 1) return 'under 1 s'
  let rest = Math.round(seconds)
  const largest = units.findIndex(([, size]) => rest >= size)
  if (largest === -1) return '0 s'
  const parts = []
  for (const [unit, size] of units.slice(largest, largest + 2)) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${unit}`)
  }
  return parts.join(' ')
}

/** In its largest unit alone: "3 d ago". */
export function formatAgo(ms) {
  if (ms < 5_000) return 'just now'
  return `${formatDuration(ms / 1000).replace(/^(\d+ \w+).*/, '$1')} ago`
}

/** @param seconds 0.038 → "38 ms" */
export function formatLatency(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(1)} s`
  const ms = seconds * 1000
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

function scaled(value, step, units) {
  let unit = 0
  let left = value
  while (left >= step && unit < units.length - 1) {
    left /= step
    unit += 1
  }
  return `${unit > 0 && left < 10 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`
}
