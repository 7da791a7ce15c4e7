import { expect, test } from 'vitest'
import type { ExperimentFigure } from '../../../src/advice/experiment/comparison.ts'
import { decisionLogMarkdown } from '../../../src/advice/experiment/decision-log.ts'
import {
  experimentsOf,
  nextId,
  openExperiment,
  resultOf,
} from '../../../src/advice/experiment/experiments.ts'
import {
  type JournalEntry,
  parseJournal,
  printEntry,
} from '../../../src/advice/experiment/journal.ts'

const figure = (median: number): ExperimentFigure => ({
  ...{ key: 'command', title: 'command', unit: 's', better: 'lower', rounds: 5 },
  ...{ median, min: median * 0.99, max: median * 1.01 },
})
const head = (id: number) => ({
  id,
  name: `try-${id}`,
  change: 'a → b',
  at: '2026-11-23T02:00:00Z',
})
const taken = (median: number) => ({ figures: [figure(median)], notes: [] })
const plan = { rounds: 5, command: { line: 'true', directory: '/', warmups: 1 } }
const start = (id: number, median = 10): JournalEntry => ({
  ...head(id),
  ...{ kind: 'start', plan },
  ...taken(median),
})
const measure = (id: number, median: number, isBaseline = false): JournalEntry => ({
  ...head(id),
  ...{ kind: 'measure', isBaseline },
  ...taken(median),
})
const keep = (id: number): JournalEntry => ({ ...head(id), kind: 'keep', because: 'faster' })
const revert = (id: number): JournalEntry => ({ ...head(id), kind: 'revert', because: undefined })
const text = (entries: readonly JournalEntry[]) =>
  entries.map((entry) => `${printEntry(entry)}\n`).join('')

test('what is written is read again', () => {
  const entries = [start(1), measure(1, 5), keep(1), start(2), measure(2, 9, true), revert(2)]
  const read = parseJournal(text(entries))
  expect(read.damagedLines).toEqual([])
  expect(read.entries).toEqual(JSON.parse(JSON.stringify(entries)))
})

const lines = text([start(1), measure(1, 5), keep(1)]).split('\n')

test.each([0, 1, 2])('a damaged line %i loses nothing else', (at) => {
  for (const damage of [
    '{"id":',
    'null',
    '[]',
    '"text"',
    '\u0000\u0000',
    lines[at]?.slice(0, 40),
  ]) {
    const spoilt = lines.with(at, damage ?? '')
    const read = parseJournal(spoilt.join('\n'))
    expect(read.damagedLines).toEqual([at + 1])
    expect(read.entries).toHaveLength(2)
    expect(experimentsOf(read.entries)).toMatchObject([{ id: 1, name: 'try-1', change: 'a → b' }])
  }
})

test.each([
  ['id', 1.5],
  ['name', 7],
  ['change', null],
  ['at', undefined],
  ['kind', 'other'],
  ['figures', [{ key: 'x' }]],
  ['figures', [{ ...figure(1), better: 'sideways' }]],
  ['figures', [{ ...figure(1), median: null }]],
  ['notes', [1]],
  ['plan', undefined],
  ['plan', { rounds: '5' }],
  ['plan', { rounds: 5, machine: {} }],
  ['plan', { rounds: 5, cache: { url: 'http://x', paths: [1], seconds: 1 } }],
  ['plan', { rounds: 5, command: { line: 'x', directory: '/', warmups: '1' } }],
])('a line whose %s is %j counts as damaged', (field, value) => {
  const line = JSON.stringify({ ...start(1), [field]: value })
  expect(parseJournal(line)).toEqual({ entries: [], damagedLines: [1] })
})

test('a measurement must tell whether the change was made', () => {
  const { isBaseline: _, ...lacking } = measure(1, 5) as JournalEntry & { isBaseline: boolean }
  expect(parseJournal(JSON.stringify(lacking)).damagedLines).toEqual([1])
})

test('the one that is not decided is open; numbers go on', () => {
  const experiments = experimentsOf([start(1), measure(1, 5), keep(1), start(2)])
  expect(openExperiment(experiments)?.id).toBe(2)
  expect(nextId(experiments)).toBe(3)
  expect(openExperiment(experimentsOf([start(1), revert(1)]))).toBeUndefined()
  expect(nextId([])).toBe(1)
})

test('compares what was measured before the change with what was measured after it', () => {
  const [experiment] = experimentsOf([start(1), measure(1, 10.1, true), measure(1, 5)])
  expect(experiment?.baselines).toHaveLength(2)
  expect(experiment && resultOf(experiment)?.verdict.outcome).toBe('better')
  const [unmeasured] = experimentsOf([start(1)])
  expect(unmeasured && resultOf(unmeasured)).toBeUndefined()
})

test('a second measurement that says otherwise takes the first one back', () => {
  const [experiment] = experimentsOf([start(1), measure(1, 5), measure(1, 10)])
  expect(experiment && resultOf(experiment)?.verdict.outcome).toBe('no difference')
})

test('without the line that began it, an experiment has a name but no result', () => {
  const [experiment] = experimentsOf([measure(1, 5), keep(1)])
  expect(experiment).toMatchObject({ name: 'try-1', plan: undefined, baselines: [] })
  expect(experiment && resultOf(experiment)).toBeUndefined()
})

test('the log is a table of Markdown that no text can break', () => {
  const nasty = { ...keep(1), because: 'a | b\n# c' } as JournalEntry
  const log = decisionLogMarkdown(
    experimentsOf([start(1), measure(1, 5), nasty, start(2), measure(2, 10), revert(2), start(3)]),
  )
  expect(log.split('\n')).toEqual([
    '| # | date | experiment | change | result | decision | why |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    '| 1 | 2026-11-23 | try-1 | a → b | command 10.0 → 5.00 s (−50 %, better) | kept | a \\| b # c |',
    '| 2 | 2026-11-23 | try-2 | a → b | no difference beyond the noise | reverted |  |',
    '| 3 | 2026-11-23 | try-3 | a → b | not measured | open |  |',
  ])
})
