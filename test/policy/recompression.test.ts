import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  judgeMachine,
  type MachineFacts,
  recompressionBytes,
} from '../../src/policy/recompression.ts'
import { GiB, MiB } from '../../src/units.ts'

const small: MachineFacts = { cores: 2, totalBytes: 4 * GiB, workers: 1, level: 3 }

test('false is off, whatever the machine', () => {
  expect(judgeMachine(false, { ...small, cores: 64, totalBytes: 256 * GiB })).toEqual({
    isOn: false,
    reason: 'off: recompress.enabled = false',
  })
})

test.each<[Partial<MachineFacts>, boolean, string]>([
  [
    {},
    true,
    'on: 2 cores, 4.0 GiB: a core recompresses xz at about 30 MB/s, taking 59 MiB, while another serves',
  ],
  [
    { cores: 8, workers: 4, totalBytes: 16 * GiB, level: 19 },
    true,
    'on: 8 cores, 16 GiB: 4 cores recompress xz at about 120 MB/s, taking 576 MiB, while 4 cores are left to serve',
  ],
  [
    { totalBytes: undefined },
    true,
    'on: 2 cores, memory unknown: a core recompresses xz at about 30 MB/s, taking 59 MiB, while another serves',
  ],
  [
    { cores: 1, totalBytes: 512 * MiB },
    false,
    'off: 1 core, 512 MiB: unpacking xz would take the core that serves clients; set recompress.enabled = true to do it all the same',
  ],
  [
    { cores: 1.5 },
    false,
    'off: 1.5 cores, 4.0 GiB: unpacking xz would take the core that serves clients; set recompress.enabled = true to do it all the same',
  ],
  [
    { cores: 4, workers: 4 },
    false,
    'off: 4 cores, 4.0 GiB: recompress.workers = 4 would leave no core to serve clients; set recompress.enabled = true to do it all the same',
  ],
  [
    { totalBytes: 512 * MiB, level: 19 },
    false,
    'off: 2 cores, 512 MiB: 300 MiB for the server and 1 × 144 MiB at level 19 is more than 75 % of the memory; set recompress.enabled = true to do it all the same',
  ],
])('auto on %j is %s', (facts, isOn, reason) => {
  expect(judgeMachine('auto', { ...small, ...facts })).toEqual({ isOn, reason })
})

test('true is on, and says what speaks against it', () => {
  expect(judgeMachine(true, small)).toEqual({
    isOn: true,
    reason: 'on: recompress.enabled = true, 2 cores, 4.0 GiB',
  })
  expect(judgeMachine(true, { ...small, cores: 1, totalBytes: 512 * MiB })).toEqual({
    isOn: true,
    reason:
      'on: recompress.enabled = true, 1 core, 512 MiB; "auto" would not: unpacking xz would take the core that serves clients',
  })
})

test('auto begins at a core for each worker and one more', () => {
  expect(judgeMachine('auto', { ...small, cores: 1.99 }).isOn).toBe(false)
  expect(judgeMachine('auto', { ...small, cores: 2 }).isOn).toBe(true)
  expect(judgeMachine('auto', { ...small, cores: 3.9, workers: 3 }).isOn).toBe(false)
  expect(judgeMachine('auto', { ...small, cores: 4, workers: 3 }).isOn).toBe(true)
})

test('auto begins where the server and its workers fit into three quarters of the memory', () => {
  const needed = ((300 * MiB + 2 * recompressionBytes(9)) * 4) / 3
  const facts = { ...small, cores: 4, workers: 2, level: 9 }
  expect(judgeMachine('auto', { ...facts, totalBytes: Math.ceil(needed) }).isOn).toBe(true)
  expect(judgeMachine('auto', { ...facts, totalBytes: Math.floor(needed) - 1 }).isOn).toBe(false)
})

test('a higher level never takes less memory, and each takes at least what zstd says', () => {
  // ZSTD_estimateCStreamSize(level) of zstd 1.5.4 in MiB, levels 1 to 19
  const estimates = [
    1.3, 2.0, 3.5, 4.7, 5.7, 5.7, 8.7, 8.7, 16.7, 28.7, 28.7, 52.7, 52.7, 52.7, 68.7, 68.7, 68.7,
    68.7, 89.5,
  ]
  const rest = recompressionBytes(4) - 5 * MiB
  let before = 0
  for (const [at, mebibytes] of estimates.entries()) {
    const bytes = recompressionBytes(at + 1)
    expect(bytes - rest, `level ${at + 1}`).toBeGreaterThanOrEqual(mebibytes * MiB)
    expect(bytes - rest, `level ${at + 1}`).toBeLessThan((mebibytes + 4) * MiB)
    expect(bytes).toBeGreaterThanOrEqual(before)
    before = bytes
  }
})

test('more cores or memory never turn on into off', () => {
  const more = fc.double({ min: 0, max: 64, noNaN: true })
  const facts = fc.record({
    cores: fc.double({ min: 0.1, max: 16, noNaN: true }),
    totalBytes: fc.option(fc.integer({ min: 0, max: 2 * GiB }), { nil: undefined }),
    workers: fc.integer({ min: 1, max: 8 }),
    level: fc.integer({ min: 1, max: 19 }),
  })
  const enabled = fc.constantFrom(true, false, 'auto' as const)
  fc.assert(
    fc.property(enabled, facts, more, more, (enabled, facts, moreCores, moreGiB) => {
      const { cores, totalBytes } = facts
      const larger = {
        ...facts,
        cores: cores + moreCores,
        totalBytes: totalBytes === undefined ? undefined : totalBytes + moreGiB * GiB,
      }
      if (judgeMachine(enabled, facts).isOn) expect(judgeMachine(enabled, larger).isOn).toBe(true)
    }),
    { numRuns: 1000 },
  )
})
