import { expect, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { countFault } from '../../src/server/count-requests.ts'
import { createTelemetry } from '../../src/telemetry.ts'

const target = { kind: 'home' } as const

test.each([
  ['an error before the answer', 'NO_ANSWER', false, { failed: 1 }],
  ['a client that left before the answer', 'CLIENT_GONE', false, { aborted: 1 }],
  ['one turned away', 'BUSY', false, { failed: 1, shed: 1 }],
  ['an error in the midst of it', 'CORRUPT', true, { broken: 1 }],
  ['a client that left in the midst of it', 'CLIENT_GONE', true, {}],
] as const)('%s', (_what, code, hasBegun, counted) => {
  const telemetry = createTelemetry()
  countFault(new AppError(code, ''), { telemetry, target, hasBegun })
  const { failed, aborted } = telemetry.requests.other
  const { brokenResponses: broken, shedRequests: shed } = telemetry
  const none = { failed: 0, aborted: 0, broken: 0, shed: 0 }
  expect({ failed, aborted, broken, shed }).toEqual({ ...none, ...counted })
})
