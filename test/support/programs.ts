import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'vitest'

/** Those of `programs` that PATH does not have. */
function missing(programs: readonly string[]): string[] {
  return programs.filter((program) => !onPath(program))
}

/**
 * A `test` that needs programs of this machine. Where one is missing the test is skipped and says
 * what it lacks; with CI=true it fails instead, so that no check is lost without a word.
 *
 * Start the programs inside the tests: hooks and the file itself run even where they are missing.
 */
export function testWith(programs: readonly string[]) {
  const lacking = missing(programs)
  return test.extend<{ programs: undefined }>({
    programs: [
      async ({ skip }, use) => {
        if (lacking.length > 0) {
          if (process.env.CI === 'true') throw new Error(`CI lacks ${lacking.join(', ')}`)
          skip(`needs ${lacking.join(', ')}`)
        }
        await use(undefined)
      },
      { auto: true },
    ],
  })
}

/** True where this machine has the program. */
export function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
