import { expect, test } from 'vitest'
import type { Bottleneck } from '../../src/advice/bottleneck.ts'
import type { Setting } from '../../src/advice/setting.ts'
import type { Statement } from '../../src/advice/verdict.ts'
import {
  alternativeLines,
  bottleneckLines,
  formatValue,
  headingLines,
  pathLines,
  settingLines,
  statementLines,
  tableLines,
  verdictLines,
  wrap,
} from '../../src/cli/sidecar/print-advice.ts'

const statement: Statement = {
  text: 'Four words of text.',
  formula: '1 + 1 = 2',
  source: 'arithmetic',
  check: 'expr 1 + 1',
}
/** Shows where colours would be. */
const mark = (style: string, text: string) => `<${style}>${text}</>`
const plain = (_: string, text: string) => text

test('text breaks between words, at 80 columns, with its indent', () => {
  const lines = wrap('word '.repeat(60), { indent: '    ', first: '  • ' })
  expect(lines.length).toBeGreaterThan(3)
  expect(lines[0]).toMatch(/^ {2}• word/)
  for (const line of lines.slice(1)) expect(line).toMatch(/^ {4}word/)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  expect(lines.map((line) => line.slice(4)).join(' ')).toBe('word '.repeat(60).trim())
})

test('a word longer than a line stands alone and whole', () => {
  const long = 'x'.repeat(100)
  expect(wrap(`a ${long} b`)).toEqual(['a', long, 'b'])
  expect(wrap(long, { indent: '  ' })).toEqual([`  ${long}`])
})

test('what came from elsewhere cannot steer the terminal', () => {
  expect(wrap('disk \u001b[31mred\u001b[0m').join('')).toBe('disk ?[31mred?[0m')
  expect(tableLines(['a'], [['\u0007x']], { paint: plain })[1]).toBe('  ?x')
})

test('a statement comes with formula, source and check, which are dimmed', () => {
  expect(statementLines(statement, { paint: mark })).toEqual([
    '  • Four words of text.',
    '<dim>    1 + 1 = 2</>',
    '<dim>    source: arithmetic</>',
    '<dim>    check: expr 1 + 1</>',
  ])
  expect(statementLines(statement, { isBrief: true })).toEqual(['  • Four words of text.'])
})

test('a no comes with what will work, a "yes, if" with its conditions', () => {
  const question = 'May it?'
  const because = [statement] as const
  const no = verdictLines(
    { question, answer: 'no', because, instead: [{ kind: 'upgrade', text: 'More.', cost: '$5' }] },
    { paint: mark, isBrief: true },
  )
  expect(no).toEqual([
    'May it? <red>NO</>',
    '  • Four words of text.',
    "  Here's what will work:",
    '  → upgrade: More. ($5)',
  ])
  const maybe = verdictLines(
    { question, answer: 'yes, if', because, conditions: ['it rains'] },
    { paint: mark, isBrief: true },
  )
  expect(maybe).toEqual([
    'May it? <yellow>YES, IF</>',
    '  • Four words of text.',
    '  if',
    '  – it rains',
  ])
  expect(verdictLines({ question, answer: 'yes', because }, { paint: mark })[0]).toBe(
    'May it? <green>YES</>',
  )
})

test('a bottleneck says how bad it is, where, and what to do', () => {
  const bottleneck: Bottleneck = {
    id: 'x',
    part: 'disk',
    severity: 'fault',
    statement,
    actions: [{ kind: 'workaround', text: 'Wait.' }],
  }
  expect(bottleneckLines(bottleneck, { paint: mark, isBrief: true })).toEqual([
    '  • <red>fault, disk:</> Four words of text.',
    '    → workaround: Wait.',
  ])
  expect(bottleneckLines(bottleneck, { paint: plain })).toContain('    check: expr 1 + 1')
})

test('a cost with a full stop or none ends in a bracket', () => {
  expect(alternativeLines({ kind: 'alternative', text: 'Go.' })).toEqual(['  → alternative: Go.'])
})

test('settings that share a reason show it once', () => {
  const because = { ...statement }
  const settings: Setting[] = [
    { key: 'a', value: 1, because },
    { key: 'b', value: 'x y', because },
    { key: 'c', value: true, because: statement },
  ]
  expect(settingLines(settings, { paint: plain })).toEqual([
    '  a = 1',
    '  b = "x y"',
    '      Four words of text.',
    '  c = true',
    '      Four words of text.',
  ])
  expect(settingLines(settings, { paint: plain, isBrief: true })).toHaveLength(3)
  expect(formatValue('5%')).toBe('"5%"')
})

test('a path shows each question with its answer', () => {
  const path = [{ question: 'Enough?', answer: 'no', because: statement }] as const
  expect(pathLines(path, { paint: plain })).toEqual(['  Enough? no.', '    Four words of text.'])
})

test('tables are aligned: names to the left, numbers to the right', () => {
  const rows = [
    ['one', '1'],
    ['twelve', '12'],
  ]
  expect(tableLines(['name', 'count'], rows, { paint: plain })).toEqual([
    '  name    count',
    '  one         1',
    '  twelve     12',
  ])
})

test('a long heading breaks too', () => {
  const [empty, ...lines] = headingLines('word '.repeat(30), plain)
  expect(empty).toBe('')
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  expect(lines).toHaveLength(2)
})
