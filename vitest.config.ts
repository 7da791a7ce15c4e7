import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Vitest would leave a core for itself; most of these tests wait for clocks and other processes.
    maxWorkers: '100%',
  },
})
