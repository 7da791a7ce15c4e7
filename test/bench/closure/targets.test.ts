import { expect, test } from 'vitest'
import type { ClosureRun, Results } from '../../../bench/closure/results.ts'
import { judge } from '../../../bench/closure/targets.ts'
import { goodResults } from './sample-results.ts'

const good = goodResults()

function verdictOn(title: string, results: Results) {
  const verdict = judge(results).find((one) => one.title.startsWith(title))
  if (verdict === undefined) throw new Error(`no target begins with ${title}`)
  return verdict
}

function change(by: (run: ClosureRun) => Partial<ClosureRun>): Results {
  return { ...good, closures: good.closures.map((run) => ({ ...run, ...by(run) })) }
}

test('results that reach everything reach everything', () => {
  expect(judge(good).filter(({ isReached }) => isReached !== true)).toEqual([])
})

test('speed is the ratio of the medians', () => {
  expect(verdictOn('nix copy, cold, as fast as direct', good).got).toBe('5.25 ×')
  expect(verdictOn('nix copy, recompressed', good).got).toBe('5.00 ×')
})

test.each([
  ['nix copy, cold, as fast as direct', 'copyCold'],
  ['nix copy, cold, as fast as nginx', 'copyCold'],
  ['nix-store -r, cold, as fast as direct', 'realiseCold'],
  ['nix-store -r, cold, as fast as nginx', 'realiseCold'],
  ['nix copy, recompressed', 'copyRecompressed'],
])('%s is missed when narwhal takes twice as long', (title, scenario) => {
  const slow = change((run) =>
    run.contestant === 'narwhal' && run.scenario === scenario ? { wallMs: run.wallMs * 2 } : {},
  )
  expect(verdictOn(title, slow).isReached).toBe(false)
})

test('the first byte may come 5 ms after that of direct, not 6', () => {
  const at = (firstByteMs: number): Results => ({
    ...good,
    streams: good.streams.map((run) =>
      run.contestant === 'narwhal' ? { ...run, firstByteMs } : run,
    ),
  })
  expect(verdictOn('first byte', at(46)).isReached).toBe(true)
  expect(verdictOn('first byte', at(47)).isReached).toBe(false)
})

test('a large NAR may come a tenth slower than direct, not a fifth', () => {
  const at = (bytesPerSecond: number): Results => ({
    ...good,
    streams: good.streams.map((run) =>
      run.contestant === 'narwhal' ? { ...run, bytesPerSecond } : run,
    ),
  })
  expect(verdictOn('cold large NAR', at(90e6)).isReached).toBe(true)
  expect(verdictOn('cold large NAR', at(80e6)).isReached).toBe(false)
})

test('hot narinfos are held against themselves alone', () => {
  const hot = [{ contestant: 'narwhal', quietP99Ms: 10, busyP99Ms: 13 } as const]
  expect(verdictOn('hot narinfos', { ...good, hot }).got).toBe('3.00 ms')
  expect(verdictOn('hot narinfos', { ...good, hot }).isReached).toBe(false)
})

test('waste is a share of what was fetched ahead', () => {
  const wasteful = change((run) => (run.contestant === 'narwhal' ? { wastedBytes: 6e6 } : {}))
  expect(verdictOn('fetched ahead', wasteful).got).toBe('6.00 %')
  expect(verdictOn('fetched ahead', wasteful).isReached).toBe(false)
})

test('what was not measured is neither reached nor missed', () => {
  for (const verdict of judge({ closures: [], streams: [], hot: [], notes: [] }))
    expect(verdict).toMatchObject({ got: undefined, isReached: undefined })
})
