import { describe, expect, test } from 'vitest'
import { History } from '../../src/server/history.ts'
import { PopularFiles } from '../../src/server/popular-files.ts'
import { quantileSeconds, shareWithin } from '../../src/server/quantile.ts'
import { RecentErrors } from '../../src/server/recent-errors.ts'
import { savingsOf } from '../../src/server/savings.ts'
import type { StatusReport } from '../../src/server/status-report.ts'
import { type CriteriaFacts, judgeCriteria } from '../../src/server/success-criteria.ts'
import { TrafficSampler, totalsOf } from '../../src/server/traffic-sampler.ts'
import { addDuration, createTelemetry, silentLog } from '../../src/telemetry.ts'

describe('the last hour', () => {
  const sample = { sent: 0, received: 0, requests: 0, peakSent: 0 }

  test('keeps 360 samples in their order and forgets the oldest', () => {
    const history = new History()
    expect(history.last()).toBeUndefined()
    for (let at = 0; at < 400; at += 1) history.add(at, { ...sample, sent: at * 2 })
    const { at, columns } = history.read()
    expect(at).toHaveLength(360)
    expect([at[0], at.at(-1)]).toEqual([40, 399])
    expect([columns.sent[0], columns.sent.at(-1)]).toEqual([80, 798])
    expect(history.last()).toEqual({ ...sample, at: 399, sent: 798 })
  })
})

describe('traffic', () => {
  const totals = { sentBytes: 0, receivedBytes: 0, requests: 0 }

  test('rates are for a second, whatever time has passed', () => {
    const sampler = new TrafficSampler(totals, 0)
    sampler.sample({ sentBytes: 3_000, receivedBytes: 600, requests: 3 }, 3_000, 1)
    expect(sampler).toMatchObject({ sentPerSecond: 1_000, receivedPerSecond: 200 })
    expect(sampler.peakSentPerSecond).toBe(1_000)
  })

  test('every ten seconds a sample is kept, with its best second', () => {
    const sampler = new TrafficSampler(totals, 0)
    for (let second = 1; second <= 10; second += 1)
      sampler.sample(
        { ...totals, sentBytes: second < 5 ? 0 : 5_000, requests: second },
        second * 1_000,
        second,
      )
    expect(sampler.history.read()).toEqual({
      at: [10],
      columns: { sent: [500], received: [0], peakSent: [5_000], requests: [1] },
    })
  })

  test('the speed of the upstreams counts only the time in which they send', () => {
    const sampler = new TrafficSampler(totals, 0)
    expect(sampler.fetchBytesPerSecond).toBeUndefined()
    sampler.sample({ ...totals, receivedBytes: 500 }, 1_000, 1)
    sampler.sample({ ...totals, receivedBytes: 500 }, 60_000, 2)
    expect(sampler.fetchBytesPerSecond).toBe(500)
  })

  test('what upstreams have sent counts once, whichever of them are configured now', () => {
    const telemetry = createTelemetry()
    telemetry.upstream('left').receivedBytes = 500
    const sampler = new TrafficSampler(totals, 0)
    sampler.sample(totalsOf(telemetry), 1_000, 1)
    telemetry.upstream('came').receivedBytes = 100
    sampler.sample(totalsOf(telemetry), 2_000, 2)
    expect(sampler).toMatchObject({ receivedBytes: 600, receivedPerSecond: 100 })
  })
})

describe('savings', () => {
  const telemetry = createTelemetry()
  const status = (results: Partial<Record<string, number>>, served: number) => {
    const { requests } = createTelemetry()
    Object.assign(requests.narinfo, results)
    return {
      requests,
      sentBytes: { memory: 0, disk: served, download: 0 },
      upstreams: [{ name: 'up' }],
    } as unknown as StatusReport
  }
  addDuration(telemetry.upstream('up').durations.narinfo, 0.1)

  test('time is bytes at the upstreams’ speed, and narinfos at their latency, 25 at once', () => {
    const sampler = { receivedBytes: 1_000, fetchBytesPerSecond: 100 }
    const savings = savingsOf(status({ hit: 250, miss: 250 }, 3_000), telemetry, sampler)
    expect(savings).toMatchObject({ hitShare: 0.5, savedBytes: 2_000 })
    expect(savings.savedSeconds).toBeCloseTo(20 + 1)
  })

  test('nothing is claimed before an upstream has shown its speed', () => {
    const sampler = { receivedBytes: 0, fetchBytesPerSecond: undefined }
    expect(savingsOf(status({}, 3_000), telemetry, sampler)).toMatchObject({
      hitShare: undefined,
      savedSeconds: undefined,
    })
  })

  test('what was fetched ahead in vain is no negative saving', () => {
    const sampler = { receivedBytes: 5_000, fetchBytesPerSecond: 100 }
    expect(savingsOf(status({}, 3_000), telemetry, sampler).savedBytes).toBe(0)
  })
})

test('quantiles lie within the bucket that holds them', () => {
  const { counts } = createTelemetry().hitDurations
  expect(quantileSeconds(counts, 0.5)).toBeUndefined()
  expect(shareWithin(counts, 0.1)).toBeUndefined()
  const durations = { counts, sumSeconds: 0 }
  for (const seconds of [0.001, 0.002, 0.06, 20]) addDuration(durations, seconds)
  expect(quantileSeconds(counts, 0.5)).toBeCloseTo(0.005)
  expect(quantileSeconds(counts, 0.75)).toBeCloseTo(0.1)
  expect(quantileSeconds(counts, 0.99)).toBe(10)
  expect(shareWithin(counts, 0.1)).toBe(0.75)
})

test('popular files are counted, the most popular first', () => {
  const popular = new PopularFiles()
  for (const file of ['a', 'b', 'b', 'c', 'c', 'c']) popular.note(file)
  expect(popular.top(2)).toEqual([
    { file: 'c', requests: 3 },
    { file: 'b', requests: 2 },
  ])
  for (let at = 0; at < 5_000; at += 1) popular.note(`x${at}`)
  expect(popular.top(10_000)).toHaveLength(2_000)
})

describe('recent errors', () => {
  function subject() {
    let now = 0
    const errors = new RecentErrors(() => now)
    return {
      errors,
      log: errors.noting(silentLog),
      at: (time: number) => {
        now = time
      },
    }
  }

  test('are one for each code and upstream, with how often, and what to do', () => {
    const { errors, log, at } = subject()
    log.warn({ code: 'CORRUPT', upstream: 'a' }, 'first')
    log.warn({ code: 'CORRUPT', upstream: 'b' }, 'other')
    at(5)
    log.warn({ code: 'CORRUPT', upstream: 'a' }, 'second')
    expect(errors.list()).toMatchObject([
      {
        code: 'CORRUPT',
        message: 'second',
        count: 2,
        at: 5,
        hint: expect.stringContaining('hash'),
      },
      { message: 'other', count: 1, at: 0 },
    ])
    expect(errors.countOf('CORRUPT')).toBe(3)
  })

  test('a request that repeats what its upstream said is no second error', () => {
    const { errors, log } = subject()
    log.warn({ code: 'BAD_NARINFO', upstream: 'a' }, 'a: no narinfo')
    log.info({ code: 'BAD_NARINFO', url: '/x.narinfo' }, 'a: no narinfo')
    expect(errors.list()).toHaveLength(1)
  })

  test('lines without a code are none, unless nobody foresaw them', () => {
    const { errors, log } = subject()
    log.info({}, 'evicted')
    log.warn({}, 'away')
    log.error({ err: new Error('x') }, 'oops')
    expect(errors.list()).toMatchObject([{ code: 'UNEXPECTED', message: 'oops', hint: undefined }])
  })

  test('do not grow with what strangers do', () => {
    const { errors, log } = subject()
    for (let at = 0; at < 100; at += 1)
      log.warn({ code: 'UNTRUSTED', upstream: `u${at}` }, 'x'.repeat(10_000))
    expect(errors.list()).toHaveLength(20)
    expect(errors.list()[0]?.message).toHaveLength(300)
  })
})

describe('success criteria', () => {
  const well: CriteriaFacts = {
    quickHitShare: 1,
    slowHitSeconds: 0.004,
    loopDelaySeconds: 0.002,
    peakSentPerSecond: 110e6,
    uptimeSeconds: 90_000,
    requests: 1_000,
    failedRequests: 1,
    oomKills: 0,
    isStoring: true,
    freeBytes: 2e9,
    minFreeBytes: 1e9,
    diskFaults: 0,
  }
  const states = (facts: Partial<CriteriaFacts>) =>
    judgeCriteria({ ...well, ...facts }).map(({ state }) => state)
  const met = ['met', 'met', 'met', 'met', 'met']

  test('are met by a server that does well', () => {
    expect(states({})).toEqual(met)
  })

  test.each([
    [0, 'missed', { quickHitShare: 0.98 }],
    [0, 'missed', { loopDelaySeconds: 0.2 }],
    [0, 'unknown', { quickHitShare: undefined, slowHitSeconds: undefined }],
    [1, 'unknown', { peakSentPerSecond: 99e6 }],
    [1, 'unknown', { peakSentPerSecond: 0 }],
    [2, 'missed', { failedRequests: 11 }],
    [3, 'missed', { oomKills: 1 }],
    [3, 'unknown', { oomKills: undefined }],
    [4, 'missed', { isStoring: false }],
    [4, 'missed', { freeBytes: 0.5e9 }],
    [4, 'missed', { diskFaults: 1 }],
  ] as const)('%i is %s with %j, and says why', (place, state, facts) => {
    expect(states(facts)).toEqual(met.with(place, state))
    const { detail = '' } = judgeCriteria({ ...well, ...facts })[place] ?? {}
    expect(detail).toMatch(/^.{20,}\.$/)
  })
})
