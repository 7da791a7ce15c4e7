import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Rooms whose tests hold the program to a time: no more files at once than there are cores. */
const timed = ['test/{faults,cli,host}/**/*.test.ts']
const cores = Math.max(2, availableParallelism())

export default defineConfig({
  test: {
    // Where all is well none of these is waited for. A test that is right must not fail because the
    // machine is busy with other things, so there is time for one that is many times slower.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 40_000 } },
    projects: [
      {
        extends: true,
        test: {
          ...{ name: 'timed', include: timed, maxWorkers: cores },
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Most of these wait for other processes: there is room for one more.
        test: {
          ...{ name: 'other', include: ['test/**/*.test.ts'], exclude: timed },
          ...{ maxWorkers: cores + 1, sequence: { groupOrder: 1 } },
        },
      },
    ],
  },
})
