import { expect, test } from 'vitest'
import { admissionFor } from '../../src/policy/admission.ts'

test('takes the configured number of clients where descriptors are plenty', () => {
  expect(admissionFor(4096)).toEqual({ maxClients: 4096, maxStreams: 4096 })
  expect(admissionFor(4096, 65_536)).toEqual({ maxClients: 4096, maxStreams: 4096 })
})

test.each([16, 64, 128, 256, 1024])('stays within %i descriptors', (limit) => {
  const { maxClients, maxStreams } = admissionFor(4096, limit)
  expect(maxStreams).toBeGreaterThanOrEqual(1)
  expect(maxStreams).toBeLessThanOrEqual(maxClients)
  if (limit > 64) expect(maxClients + maxStreams).toBeLessThanOrEqual(limit - 64)
})
