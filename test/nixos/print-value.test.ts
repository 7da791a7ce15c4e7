// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Nix writes its own with the same signs
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  lines,
  mkAfter,
  mkBefore,
  mkDefault,
  mkForce,
  mkIf,
  mkMerge,
  type NixValue,
  reference,
} from '../../src/nixos/nix-value.ts'
import { printValue } from '../../src/nixos/print-value.ts'
import { attributePath, quoteLines } from '../../src/nixos/quote.ts'
import { testWith } from '../support/programs.ts'
import { evaluate } from './evaluate.ts'

/** Pieces that mean something to Nix, put together at random, beside any other text. */
const tricky = fc
  .array(
    fc.constantFrom(
      '$',
      '{',
      '}',
      '${',
      "''",
      "'",
      '"',
      '\\',
      '\n',
      '\r',
      '\t',
      ' ',
      'a',
      'é',
      '#',
    ),
  )
  .map((pieces) => pieces.join(''))
const text = fc
  .oneof(tricky, fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary-ascii' }))
  .filter((string) => !string.includes('\0') && string.isWellFormed())
/** What evaluation to JSON treats in a way of its own, and JavaScript too. */
const magic = new Set(['outPath', '__toString', '__proto__', '_type'])
const name = fc
  .oneof(text, fc.constantFrom('or', 'if', 'rec', 'inherit', 'a-b', "a'", 'a.b', '1a', ''))
  .filter((string) => !magic.has(string))
/** Nix writes floats to JSON with six digits. */
const float = fc.integer({ min: -99_999, max: 99_999 }).map((thousandths) => thousandths / 1000)

const { value } = fc.letrec<{ value: NixValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.boolean(),
    fc.maxSafeInteger(),
    float,
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}))

testWith(['nix-instantiate'])('every value evaluates to itself', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 40 }), async (values) => {
      expect(await evaluate(printValue(values))).toEqual(JSON.parse(JSON.stringify(values)))
    }),
    { numRuns: 25 },
  )
})

testWith(['nix-instantiate'])(
  'text of several lines evaluates to itself, at any indent',
  async () => {
    const line = fc.oneof(tricky, fc.stringMatching(/^ {0,4}[a-z$'{}"]{0,6}$/))
    const block = fc.array(line, { maxLength: 6 }).map((all) => `${all.join('\n')}\n`)
    await fc.assert(
      fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 40 }), async (blocks) => {
        const printed = blocks.map((one, at) => `(${quoteLines(one, ' '.repeat(at % 7))})`)
        expect(await evaluate(`[ ${printed.join('\n')} ]`)).toEqual(blocks)
      }),
      { numRuns: 25 },
    )
  },
)

testWith(['nix-instantiate'])('a fraction keeps every digit', async () => {
  const fraction = fc
    .double({ noNaN: true, noDefaultInfinity: true })
    // Subnormal numbers are more than Nix's own reader takes.
    .filter((number) => !Number.isInteger(number) && Math.abs(number) > 1e-300)
  await fc.assert(
    fc.asyncProperty(fc.array(fraction, { minLength: 1, maxLength: 60 }), async (numbers) => {
      const same = numbers.map((n) => `((${printValue(n)}) == builtins.fromJSON "${n}")`)
      expect(await evaluate(`[ ${same.join(' ')} ]`)).toEqual(numbers.map(() => true))
    }),
    { numRuns: 10 },
  )
})

testWith(['nix-instantiate'])('a path of any names leads to where it says', async () => {
  const path = fc.array(name, { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(fc.array(path, { minLength: 1, maxLength: 30 }), async (paths) => {
      const sets = paths.map((names) => `{ ${attributePath(names)} = 1; }`)
      const wanted = paths.map((names) =>
        names.reduceRight<unknown>((inner, key) => ({ [key]: inner }), 1),
      )
      expect(await evaluate(`[ ${sets.join(' ')} ]`)).toEqual(wanted)
    }),
    { numRuns: 20 },
  )
})

describe('how values look', () => {
  test.each<[NixValue, string]>([
    ['a "b" ${c} \\', '"a \\"b\\" \\${c} \\\\"'],
    [mkDefault(true), 'lib.mkDefault true'],
    [mkForce(-1), 'lib.mkForce (-1)'],
    [mkBefore(['a']), 'lib.mkBefore [ "a" ]'],
    [mkAfter([]), 'lib.mkAfter [ ]'],
    [mkDefault(mkBefore(['a'])), 'lib.mkDefault (lib.mkBefore [ "a" ])'],
    [mkIf(reference('config', 'a b', 'c'), 1), 'lib.mkIf config."a b".c 1'],
    [mkMerge([mkDefault(1)]), 'lib.mkMerge [ (lib.mkDefault 1) ]'],
    [[-1, 2], '[ (-1) 2 ]'],
    [-0, '0'],
    [1.5e-7, '1.5e-7'],
    [1e-7, '1.0e-7'],
    [[reference('pkgs', 'git')], '[ pkgs.git ]'],
    [{ a: { 'b.c': [] } }, '{\n  a = {\n    "b.c" = [ ];\n  };\n}'],
    [
      lines("if [ -e $a ]; then\n  echo '${b}'\nfi\n"),
      '"if [ -e $a ]; then\\n  echo \'\\${b}\'\\nfi\\n"',
    ],
    [lines('echo ${b}\n\n  x\n'), "''\n  echo ''${b}\n\n    x\n''"],
    [lines('one line'), '"one line"'],
  ])('%o', (given, printed) => {
    expect(printValue(given)).toBe(printed)
  })

  test('a list too long for its line takes one for each item', () => {
    const items = ['a'.repeat(40), 'b'.repeat(40)]
    expect(printValue(items, '  ')).toBe(`[\n    "${items[0]}"\n    "${items[1]}"\n  ]`)
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1e300])('%d is refused', (number) => {
    expect(() => printValue(number)).toThrow(RangeError)
  })

  test.each(['a\0b', '\ud800'])('text that no Nix string can hold is refused', (bad) => {
    expect(() => printValue(bad)).toThrow(RangeError)
    expect(() => printValue({ [bad]: 1 })).toThrow(RangeError)
    expect(() => printValue(lines(`${bad}\n\n`))).toThrow(RangeError)
  })
})
