import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Where all is well none of these is waited for. A test that is right must not fail because the
    // machine is busy with other things, so there is time for one that is many times slower.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 40_000 } },
    // On a machine lent out by the hour a clock may run out all the same: what fails there is tried
    // once more, and the report says so. A wrong byte, or a lie on the disk, is never tried again.
    retry: process.env.CI === 'true' ? { count: 1, condition: /^(?!.*oracle [AB]:)/s } : 0,
    // Most of these tests wait for clocks and other processes: two cores have room for three files.
    maxWorkers: Math.max(3, availableParallelism()),
  },
})
