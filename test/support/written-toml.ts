import type { Setting } from '../../src/advice/setting.ts'

/** Settings of narwhal.toml as the plainest TOML there is: one dotted key a line. */
export function writtenToml(settings: readonly Setting[]): string {
  return settings.map(({ key, value }) => `${key} = ${JSON.stringify(value)}\n`).join('')
}
