/** Bytes in a second as disks and codecs are rated: "117.7 MB/s", "550 MB/s", "3.5 GB/s". */
export function formatByteSpeed(bytesPerSecond: number): string {
  const megabytes = bytesPerSecond / 1e6
  if (megabytes >= 1000) return `${trimmed(megabytes / 1000, 1)} GB/s`
  return `${trimmed(megabytes, megabytes < 10 ? 1 : 0)} MB/s`
}

/** Bits in a second as networks are rated: "941 Mbit/s", "2.5 Gbit/s". */
export function formatBitSpeed(bitsPerSecond: number): string {
  const megabits = bitsPerSecond / 1e6
  if (megabits >= 1000) return `${trimmed(megabits / 1000, 1)} Gbit/s`
  return `${trimmed(megabits, megabits < 10 ? 1 : 0)} Mbit/s`
}

/** A share of one: 0.415 → "42 %". */
export function formatShare(share: number): string {
  const percent = share * 100
  return `${trimmed(percent, percent > 0 && percent < 10 ? 1 : 0)} %`
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}
