import { expect, test } from 'vitest'
import { plotTimes } from '../../../bench/closure/plot.ts'
import { goodResults } from './sample-results.ts'

const svg = plotTimes(goodResults(), 'A <title> & more')

/** Width of each bar, by the class of its contestant, in the order of the picture. */
const bars = [...svg.matchAll(/<rect class="(\w+)".*? width="([\d.]+)"/g)].map(
  ([, contestant, width]) => ({ contestant, width: Number(width) }),
)

test('there is a bar for each contestant that took part in a scenario', () => {
  expect(bars.map(({ contestant }) => contestant)).toEqual([
    ...['direct', 'nginx', 'narwhal'],
    ...['direct', 'nginx', 'narwhal'],
    ...['nginx', 'narwhal'],
    'narwhal',
  ])
})

test('the length of a bar is its time', () => {
  const [direct, nginx, narwhal] = bars
  expect((nginx?.width ?? 0) / (narwhal?.width ?? 1)).toBeCloseTo(25 / 4, 1)
  expect((direct?.width ?? 0) / (narwhal?.width ?? 1)).toBeCloseTo(21 / 4, 1)
})

test('figures stand beside the bars, within the picture', () => {
  expect(svg).toContain('>21.0 s (20.0–22.0)</text>')
  const ends = [...svg.matchAll(/<text x="([\d.]+)"/g)].map(([, x]) => Number(x))
  expect(Math.max(...ends)).toBeLessThan(720 - 140)
})

test('it has a title and says the figures in words', () => {
  expect(svg).toContain('<title id="title">A &lt;title&gt; &amp; more</title>')
  expect(svg).toContain('nix copy, cold: direct 21.0 s, nginx 25.0 s, narwhal 4.0 s.')
})

test('it has colours for dark pages', () => {
  expect(svg).toContain('prefers-color-scheme: dark')
})

test('without a run there is a picture without bars', () => {
  expect(plotTimes({ ...goodResults(), closures: [] }, 'none')).toMatch(/^<svg .*<\/svg>\n$/s)
})
