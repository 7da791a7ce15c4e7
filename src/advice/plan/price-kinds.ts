import { type Kind, stringKind, wrongType } from '../../config/kind.ts'

/** Three letters, as ISO 4217 has them. */
export const currencyName: Kind<string> = stringKind(
  'three capital letters such as "USD"',
  (text, complain) =>
    /^[A-Z]{3}$/.test(text) ? text : complain({ message: wrongType(currencyName.expects, text) }),
)

/** A day: one of TOML's own dates, or the same in quotes; kept as text. */
export const day: Kind<string> = {
  expects: 'a day such as 2026-02-15',
  read(value, complain) {
    const text = value instanceof Date ? value.toISOString() : value
    if (typeof text === 'string' && isDay(text)) return text
    return complain({ message: wrongType(day.expects, text) })
  },
  fromText: (text) => text,
}

/** True for a day that is in the calendar, as 2026-02-15. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

/** An amount of money above nothing, with at most two decimals; read as hundredths. */
export const money: Kind<number> = {
  expects: 'an amount of money such as 40 or 12.50',
  read(value, complain) {
    const cents = typeof value === 'number' ? value * 100 : Number.NaN
    const whole = Math.round(cents)
    if (whole > 0 && whole < 1e9 && Math.abs(cents - whole) < 1e-6) return whole
    return complain({ message: wrongType(money.expects, value) })
  },
  fromText: Number,
}
