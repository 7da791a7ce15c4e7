import fc from 'fast-check'
import { parse } from 'smol-toml'
import { expect, test } from 'vitest'
import type { KeyPath } from '../../src/config/mistake.ts'
import { outlineToml } from '../../src/config/toml-outline.ts'

const example = `\uFEFF# a comment = 1
listen = [   # [not a header]
  "a",

  'b', # "c",
]
text = """
[cache]
max_size = 1 \\""" still """
raw = '''
memory = 2'''
a."b.c" . d = 1
[cache]  # comment
when = 1979-05-27 07:32:00
inline = { x = 1, "y z" = [
  1, { deep = true } ] }

[[upstream]]
url = "u0"
[[ upstream ]]
url = "u1"
[upstream.auth]
user = "x"
`

test.each<[KeyPath, number]>([
  [['listen'], 2],
  [['listen', 0], 3],
  [['listen', 1], 5],
  [['text'], 7],
  [['raw'], 10],
  [['a', 'b.c', 'd'], 12],
  [['cache'], 13],
  [['cache', 'when'], 14],
  [['cache', 'inline', 'x'], 15],
  [['cache', 'inline', 'y z', 1, 'deep'], 16],
  [['upstream'], 18],
  [['upstream', 0, 'url'], 19],
  [['upstream', 1], 20],
  [['upstream', 1, 'url'], 21],
  [['upstream', 1, 'auth', 'user'], 23],
])('finds %j on line %i', (path, line) => {
  expect(parse(example)).toBeTruthy()
  expect(outlineToml(example).lineOf(path)).toBe(line)
})

test('falls back to what encloses a key, and says nothing where nothing does', () => {
  const outline = outlineToml('[cache]\nmemory = "1MiB"\n')
  expect(outline.lineOf(['cache', 'absent'])).toBe(1)
  expect(outline.lineOf(['memory'])).toBeUndefined()
  expect(outline.lineOf([])).toBeUndefined()
})

test('counts lines the same with CRLF', () => {
  const crlf = example.replaceAll('\n', '\r\n')
  expect(outlineToml(crlf).lineOf(['upstream', 1, 'auth', 'user'])).toBe(23)
})

test('goes on below what it does not understand', () => {
  const outline = outlineToml('= 1\nx = "open\n[broken\ny = [1\nlost = 2\nz = 3\n')
  expect(outline.lineOf(['z'])).toBe(6)
})

/** Pieces of TOML that take a known number of lines, each below a key of its own. */
const values = fc.oneof(
  fc.constantFrom('1', 'true', '-0.5e3', '1979-05-27', '"a # b"', "'[x]'", '""', "''", '[]', '{}'),
  fc.constantFrom('"""\n"" quotes""\n"""', "'''\n[[x]]\ny = 1\n'''", '[\n1,\n# c\n[2,\n3],\n]'),
  fc.constantFrom('"\\"= \\\\"', '{ a = "}", b.c = [ "]" ] }', '""""four""""'),
)
const key = fc.constantFrom(
  'plain',
  'with-dash_1',
  '"quoted = key"',
  "'it #'",
  'dotted . "k"',
  '"\\u0041"',
)
const gap = fc.constantFrom('', '\n', '# [comment]\n', '   \t\n')

test('finds every key of any document it can be given', () => {
  const document = fc.array(
    fc.record({ table: fc.integer({ min: 0, max: 2 }), key, value: values, gap }),
  )
  fc.assert(
    fc.property(document, (pieces) => {
      let text = ''
      const expected: [number, KeyPath][] = []
      let many = 0
      pieces.forEach((piece, index) => {
        text += piece.gap
        const header = [`[t${index}]`, `[x.t${index}]`, '[[many]]'][piece.table] as string
        const at = [[`t${index}`], ['x', `t${index}`], ['many', many]][piece.table] as KeyPath
        if (piece.table === 2) many += 1
        text += `${header}\n`
        const line = text.split('\n').length
        const inner = keysOf(parse(`${piece.key} = 0`))
        text += `${piece.key} = ${piece.value}\n`
        expected.push([line, [...at, ...inner]])
      })
      parse(text)
      const outline = outlineToml(text)
      for (const [line, path] of expected) expect(outline.lineOf(path)).toBe(line)
      expect(outline.statements).toHaveLength(pieces.length * 2)
    }),
  )
})

test('accepts any text at all', () => {
  const scraps = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '"""',
    '=',
    '\n',
    '\r',
    '#',
    ',',
    'a',
    '.',
    '\\',
    ' ',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(scraps).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (toml) => {
      const { statements } = outlineToml(toml)
      const last = toml.split('\n').length
      for (const { line, lastLine } of statements) {
        expect(line).toBeGreaterThanOrEqual(1)
        expect(lastLine).toBeGreaterThanOrEqual(line)
        expect(lastLine).toBeLessThanOrEqual(last)
      }
    }),
    { numRuns: 500 },
  )
})

test('survives deep nesting', () => {
  expect(() => outlineToml(`x = ${'['.repeat(100_000)}`)).not.toThrow()
})

function keysOf(table: object): string[] {
  const [[name, value]] = Object.entries(table) as [[string, unknown]]
  return typeof value === 'object' && value !== null ? [name, ...keysOf(value)] : [name]
}
