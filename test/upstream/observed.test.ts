import { expect, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import type { Source } from '../../src/nix/source.ts'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { createTelemetry } from '../../src/telemetry.ts'
import { observed } from '../../src/upstream/observed.ts'

const hash = '0'.repeat(32) as StoreHash
const never = new AbortController().signal

/** A source that answers as told; each of its answers takes a quarter of a second. */
function subject(answers: Partial<Source>) {
  let nowMs = 1000
  const telemetry = createTelemetry()
  const source: Source = {
    name: 'up',
    narinfo: async () => undefined,
    nar: async () => undefined,
    probe: async () => undefined,
    close: async () => undefined,
    ...answers,
  }
  const clocks = {
    monotonic: () => {
      nowMs += 250
      return nowMs
    },
    wall: () => 5,
  }
  return { watched: observed(source, telemetry, clocks), counters: telemetry.upstream('up') }
}

test('a 404 is an answer as good as any: it takes time, and is no failure', async () => {
  const { watched, counters } = subject({})
  await watched.narinfo(hash, never)
  expect(counters.durations.narinfo.counts.reduce((sum, count) => sum + count)).toBe(1)
  expect(counters.durations.narinfo.sumSeconds).toBe(0.25)
  expect(counters.failures).toEqual({ narinfo: 0, nar: 0 })
})

test('a fault goes on to the caller, counted as failed or as not believed', async () => {
  for (const [code, failures, format] of [
    ['UPSTREAM_STATUS', 1, 0],
    ['UPSTREAM_UNREACHABLE', 1, 0],
    ['BAD_NARINFO', 0, 1],
  ] as const) {
    const { watched, counters } = subject({
      narinfo: async () => {
        throw new AppError(code, 'no')
      },
    })
    await expect(watched.narinfo(hash, never)).rejects.toMatchObject({ code })
    expect(counters.failures.narinfo, code).toBe(failures)
    expect(counters.verificationFailures.format, code).toBe(format)
    expect(counters.lastFailure).toEqual(failures > 0 ? { code, message: 'no', at: 5 } : undefined)
  }
})

test('a body is counted as it comes, and a break in it is a failure', async () => {
  const { watched, counters } = subject({
    nar: async () => ({
      size: 100,
      chunks: (async function* () {
        yield new Uint8Array(30)
        yield new Uint8Array(12)
        throw new AppError('UPSTREAM_CUT_SHORT', 'broke off')
      })(),
    }),
  })
  const body = await watched.nar({ url: 'nar/x', offset: 0 }, never)
  const read = async () => {
    for await (const _chunk of body?.chunks ?? []);
  }
  await expect(read()).rejects.toThrow('broke off')
  expect(counters.receivedBytes).toBe(42)
  expect(counters.failures.nar).toBe(1)
})

test('what nobody wants any more is neither timed nor held against the upstream', async () => {
  const { watched, counters } = subject({
    narinfo: async () => {
      throw new AppError('UPSTREAM_UNREACHABLE', 'aborted')
    },
  })
  await expect(watched.narinfo(hash, AbortSignal.abort())).rejects.toThrow('aborted')
  expect(counters.failures.narinfo).toBe(0)
  expect(counters.durations.narinfo.sumSeconds).toBe(0)
})

test('a reader that leaves early ends the body behind it', async () => {
  let isEnded = false
  const { watched } = subject({
    nar: async () => ({
      size: undefined,
      chunks: (async function* () {
        try {
          for (;;) yield new Uint8Array(1)
        } finally {
          isEnded = true
        }
      })(),
    }),
  })
  const body = await watched.nar({ url: 'nar/x', offset: 0 }, never)
  for await (const _chunk of body?.chunks ?? []) break
  expect(isEnded).toBe(true)
})
