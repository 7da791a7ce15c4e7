import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseRange, resolveRange } from '../../src/server/range.ts'

const resolve = (header: string | undefined, size: number) => resolveRange(parseRange(header), size)

/** RFC 9110 14.1.2 in its simplest form, over an array of byte numbers. */
function oracle(header: string, size: number): number[] | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header)
  if (!match || header === 'bytes=-') return 'whole'
  const [, a = '', b = ''] = match
  const all = Array.from({ length: size }, (_, at) => at)
  if (a !== '' && b !== '' && Number(b) < Number(a)) return 'whole'
  const bytes =
    a === ''
      ? b === '0'
        ? []
        : all.slice(-Number(b))
      : all.slice(Number(a), b === '' ? size : Number(b) + 1)
  return bytes.length === 0 ? 'unsatisfiable' : bytes
}

describe('Range', () => {
  test('agrees with an oracle that counts bytes', () => {
    const number = fc.oneof(fc.nat(12).map(String), fc.constant(''))
    fc.assert(
      fc.property(number, number, fc.nat(10), (a, b, size) => {
        const header = `bytes=${a}-${b}`
        const got = resolve(header, size)
        const want = oracle(header, size)
        if (typeof want === 'string') expect(got.kind).toBe(want)
        else expect(got).toEqual({ kind: 'part', start: want[0], end: (want.at(-1) as number) + 1 })
      }),
    )
  })

  test.each([
    undefined,
    '',
    'bytes',
    'bytes=a-b',
    'items=0-1',
    'bytes=0-1,5-6',
    'bytes=1--2',
    'bytes=-',
  ])('%j asks for the whole file', (header) => {
    expect(resolve(header, 10)).toEqual({ kind: 'whole' })
  })

  test('numbers beyond all files are unsatisfiable or cut to the end', () => {
    expect(resolve('bytes=9223372036854775808-', 10)).toEqual({ kind: 'unsatisfiable' })
    expect(resolve('bytes=0-9223372036854775808', 10)).toEqual({ kind: 'part', start: 0, end: 10 })
    expect(resolve('bytes=-9223372036854775808', 10)).toEqual({ kind: 'part', start: 0, end: 10 })
  })
})
