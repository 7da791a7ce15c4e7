const dayMs = 86_400_000

/** Writes a day so many days after another: both as 2026-11-23. */
export function daysAfter(day: string, days: number): string {
  return iso(Date.parse(`${day}T00:00:00Z`) + days * dayMs)
}

/**
 * The next Black Friday, the day after the fourth Thursday of November, when parts are cheap.
 *
 * @returns `day` itself where it is one
 */
export function nextBlackFriday(day: string): string {
  const year = Number(day.slice(0, 4))
  const thisYear = blackFriday(year)
  return thisYear >= day ? thisYear : blackFriday(year + 1)
}

function blackFriday(year: number): string {
  const first = new Date(Date.UTC(year, 10, 1)).getUTCDay()
  const thursday = 1 + ((4 - first + 7) % 7)
  return iso(Date.UTC(year, 10, thursday + 21 + 1))
}

function iso(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
