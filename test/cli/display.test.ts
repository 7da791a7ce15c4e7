import { expect, test } from 'vitest'
import {
  formatAge,
  formatBitRate,
  formatByteRate,
  formatCount,
  formatPercent,
  formatRate,
} from '../../src/cli/display/figures.ts'
import {
  asciiGlyphs,
  bar,
  blockGlyphs,
  chart,
  curve,
  glyphsFor,
} from '../../src/cli/display/gauge.ts'
import {
  clean,
  cleanAll,
  cut,
  cutMiddle,
  fitLine,
  lineWidth,
  printLine,
  spread,
  widthOf,
} from '../../src/cli/display/text.ts'

const plain = (_style: string, text: string) => text

test('nothing that could steer a terminal is left of a text from elsewhere', () => {
  const hostile = 'a\u001b]0;title\u0007b\u009b31mc\r\nd\u0000\u007f\u202ee\u0300f\u2028\ud800'
  expect(clean(hostile)).toBe('a?]0;title?b?31mc??d???e?f?\ufffd')
  expect(clean('narwhal – Grüße, 日本語')).toBe('narwhal – Grüße, 日本語')
  const deep = cleanAll({ list: ['\u001b[2J', { 'k\u0007': '\u009bm' }], number: 1, none: null })
  expect(deep).toEqual({ list: ['?[2J', { 'k?': '?m' }], number: 1, none: null })
})

test('every text is cut to the columns there are, wide characters counted twice', () => {
  expect(widthOf('日本語 ok')).toBe(9)
  expect(cut('narwhal', 7)).toBe('narwhal')
  expect(cut('narwhal', 4)).toBe('nar…')
  expect(cut('日本語', 4)).toBe('日…')
  expect(cutMiddle('0123456789abcdef.nar', 11)).toBe('01234…f.nar')
})

test.each([0, 1, 5, 12, 40])('a line is exactly %i columns wide', (columns) => {
  for (const line of [
    [],
    [{ text: 'short' }],
    [{ text: 'two ' }, { text: 'pieces, the second longer than a screen is wide' }],
    [{ text: '日本語日本語日本語日本語日本語日本語' }],
  ])
    expect(lineWidth(fitLine(line, columns))).toBe(columns)
})

test('what stands at the right gives way when there is no room for both', () => {
  const right = [{ text: 'right' }]
  expect(printLine(spread([{ text: 'left' }], right, 12), plain)).toBe('left   right')
  expect(printLine(spread([{ text: 'left' }], right, 9), plain)).toBe('left')
})

test('blanks at the end of a line are not written', () => {
  expect(
    printLine(
      [{ text: 'a ', style: 'red' }, { text: '   ' }],
      (style, text) => `<${style}>${text}`,
    ),
  ).toBe('<red>a')
})

test('a bar is as wide as it should be, and as full', () => {
  const text = (percent: number, columns: number) =>
    bar(percent, columns, { glyphs: blockGlyphs })
      .map((span) => span.text)
      .join('')
  expect(text(0, 4)).toBe('░░░░')
  expect(text(50, 4)).toBe('██░░')
  expect(text(60, 4)).toBe('██▍░')
  expect(text(100, 4)).toBe('████')
  for (const percent of [-5, 0, 0.1, 33.3, 99.9, 100, 250, Number.NaN])
    for (const columns of [1, 7, 20]) expect(widthOf(text(percent, columns))).toBe(columns)
  const [filled] = bar(50, 4, { glyphs: asciiGlyphs })
  expect(filled).toEqual({ text: '##', style: 'green' })
  expect(bar(95, 4, { glyphs: asciiGlyphs })[0]?.style).toBe('red')
})

test('a curve ends with the newest figure; a little is more than nothing', () => {
  expect(curve([0, 4, undefined, 8], 6, { glyphs: blockGlyphs })).toBe('   ▄ █')
  expect(curve([0.001, 100], 2, { glyphs: blockGlyphs })).toBe('▁█')
  expect(curve([50], 1, { glyphs: blockGlyphs, top: 100 })).toBe('▄')
  expect(curve([1, 2, 3, 4], 2, { glyphs: blockGlyphs })).toBe('▆█')
  expect(curve([], 3, { glyphs: blockGlyphs })).toBe('   ')
  const lines = chart([1, 2], { columns: 2, rows: 2, glyphs: blockGlyphs })
  expect(lines).toEqual([' █', '██'])
})

test('blocks are drawn where the locale knows them', () => {
  expect(glyphsFor({ LANG: 'en_US.UTF-8' })).toBe(blockGlyphs)
  expect(glyphsFor({ LANG: 'en_US.UTF-8', LC_ALL: 'C' })).toBe(asciiGlyphs)
  expect(glyphsFor({})).toBe(asciiGlyphs)
})

test('figures are short and carry their unit', () => {
  expect(formatByteRate(1536.4)).toBe('1.5 KiB/s')
  expect(formatByteRate(undefined)).toBe('–')
  expect(formatBitRate(117_700_000)).toBe('942 Mbit/s')
  expect(formatBitRate(1_250_000_000)).toBe('10.0 Gbit/s')
  expect(formatBitRate(100)).toBe('1 kbit/s')
  expect(formatRate(0.32)).toBe('0.3/s')
  expect(formatRate(0)).toBe('0/s')
  expect(formatRate(12_345)).toBe('12.3k/s')
  expect(formatCount(9999)).toBe('9999')
  expect(formatCount(3_140_000)).toBe('3.1M')
  expect(formatPercent(99.6)).toBe('100 %')
  expect(formatAge(3 * 3600e3 + 60e3)).toBe('3h ago')
  expect(formatAge(-5)).toBe('0s ago')
})
