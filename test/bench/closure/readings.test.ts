import { expect, test } from 'vitest'
import { readRecompression } from '../../../bench/closure/await-recompressed.ts'
import { busySecondsIn } from '../../../bench/closure/machine-cpu.ts'
import { childSecondsIn } from '../../../bench/closure/nix-run.ts'
import { withFigures } from '../../../bench/closure/page.ts'
import { sumOf } from '../../../bench/closure/prefetch-counts.ts'

test("a shell's times: those of its children, user and system", () => {
  expect(childSecondsIn('0m0.10s 0m0.20s\n1m2.50s 0m0.25s\n')).toBeCloseTo(62.75)
})

test('the machine is busy while it does anything but wait', () => {
  const stat = 'cpu  100 20 300 9999 9999 4 50 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n'
  expect(busySecondsIn(stat)).toBeCloseTo(4.74)
})

test('a metric is the sum of its samples, and of no longer name', () => {
  const scrape = `# TYPE a_total counter
a_total{kind="nar"} 10
a_total{kind="narinfo"} 2.5
a_total_more 7
`
  expect(sumOf(scrape, 'a_total')).toBe(12.5)
  expect(sumOf(scrape, 'b_total')).toBeUndefined()
})

test('a status without recompression is told from one that has nothing left', () => {
  expect(readRecompression({ state: 'ready' })).toBeUndefined()
  const recompress = { isOn: true, queued: 3, running: 1, done: 5 }
  const state = { isOn: true, reason: '', left: 4, done: 5 }
  expect(readRecompression({ recompress })).toEqual(state)
  expect(readRecompression({ recompress, downloads: [{}, {}] })).toEqual({ ...state, left: 6 })
})

test('figures replace what stood between the markers, and nothing else', () => {
  const page = 'before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nafter\n'
  const once = withFigures(page, 'new\n')
  expect(once).toBe('before\n<!-- figures: begin -->\n\nnew\n\n<!-- figures: end -->\nafter\n')
  expect(withFigures(once, 'new')).toBe(once)
})

test('a page without markers is refused', () => {
  expect(() => withFigures('no markers', 'new')).toThrow('<!-- figures: begin -->')
})
