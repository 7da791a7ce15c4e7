import { expect, test } from 'vitest'
import { printExposition } from '../../src/server/exposition.ts'
import { addDuration, createTelemetry, durationBounds } from '../../src/telemetry.ts'
import { parseScrape } from '../support/prometheus.ts'

test('label values and help texts survive whatever stands in them', () => {
  const evil = 'a "quoted" \\ back\\nslash\nand a line'
  const text = printExposition([
    { name: 'x', help: evil, type: 'gauge', samples: [{ labels: { of: evil }, value: 1 }] },
  ])
  expect(text.split('\n')).toHaveLength(4)
  expect(parseScrape(text).value('x', { of: evil })).toBe(1)
})

test('a family without samples is left out', () => {
  expect(printExposition([{ name: 'x', help: 'h', type: 'gauge', samples: [] }])).toBe('')
})

test('durations land in the first bucket that holds them, and buckets add up', () => {
  const durations = createTelemetry().upstream('up').durations.nar
  for (const seconds of [0.001, 0.005, 0.3, 60]) addDuration(durations, seconds)
  const scrape = parseScrape(
    printExposition([
      {
        name: 'wait_seconds',
        help: 'h',
        type: 'histogram',
        bounds: durationBounds,
        samples: [{ counts: durations.counts, sum: durations.sumSeconds }],
      },
    ]),
  )
  const below = (le: string) => scrape.value('wait_seconds_bucket', { le })
  expect(['0.005', '0.25', '0.5', '10', '+Inf'].map(below)).toEqual([2, 2, 3, 3, 4])
  expect(scrape.value('wait_seconds_count')).toBe(4)
  expect(scrape.value('wait_seconds_sum')).toBeCloseTo(60.306)
})
