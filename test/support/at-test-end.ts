import { onTestFinished, TestRunner } from 'vitest'

/**
 * Runs `release` when the running test ends, whether it passes, fails or times out.
 *
 * Outside a test (in a beforeAll, in a script) nothing is registered: there the caller releases,
 * by `await using` or in its afterAll.
 */
export function atTestEnd(release: () => Promise<void> | void): void {
  if (TestRunner.getCurrentTest() !== undefined) onTestFinished(release)
}
