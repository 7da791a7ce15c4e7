import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Where all is well none of these is waited for. A test that is right must not fail because the
    // machine is busy with other things, so there is time for one that is many times slower.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 40_000 } },
    // Vitest would leave a core for itself; most of these tests wait for clocks and other processes.
    maxWorkers: '100%',
  },
})
