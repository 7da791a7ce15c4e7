import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase32, encodeBase32 } from '../../src/nix/base32.ts'
import { codeOf } from './code-of.ts'

test('reads back what it writes, whatever the length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      expect(decodeBase32(encodeBase32(bytes))).toEqual(bytes)
    }),
  )
})

test('writes bytes as one little-endian number, most significant digit first', () => {
  expect(encodeBase32(Uint8Array.of(1))).toBe('01')
  expect(encodeBase32(Uint8Array.of(0, 1))).toBe('0080')
  expect(encodeBase32(Uint8Array.of(255, 255))).toBe('1zzz')
})

test('every text is refused or has the only spelling of its bytes', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9a-df-np-sv-z]{0,60}$/), (text) => {
      const code = codeOf(() => decodeBase32(text))
      if (code !== undefined) expect(code).toBe('BAD_BASE32')
      else expect(encodeBase32(decodeBase32(text))).toBe(text)
    }),
  )
})

test.each(['e0', 'o0', 't0', 'u0', 'A0', ' 0', '-0', 'é0'])('refuses the letters of %j', (text) => {
  expect(codeOf(() => decodeBase32(text))).toBe('BAD_BASE32')
})

test('refuses a letter that is none of its own, wherever it stands', () => {
  const letters = fc.nat(0xffff).map((code) => String.fromCharCode(code))
  const foreign = letters.filter((letter) => !/^[0-9a-df-np-sv-z]$/.test(letter))
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.nat(),
      foreign,
      (bytes, at, put) => {
        const text = encodeBase32(bytes)
        const place = at % text.length
        const bent = text.slice(0, place) + put + text.slice(place + 1)
        expect(codeOf(() => decodeBase32(bent))).toBe('BAD_BASE32')
      },
    ),
  )
})

test('refuses a length that no whole number of bytes has', () => {
  for (const length of [1, 3, 6, 51, 54])
    expect(codeOf(() => decodeBase32('0'.repeat(length)))).toBe('BAD_BASE32')
})

test('refuses spare bits: 52 digits hold 260 bits and 32 bytes only 256', () => {
  expect(decodeBase32(`1${'z'.repeat(51)}`)).toEqual(new Uint8Array(32).fill(255))
  expect(codeOf(() => decodeBase32(`2${'0'.repeat(51)}`))).toBe('BAD_BASE32')
})
