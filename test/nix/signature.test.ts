import fc from 'fast-check'
import nacl from 'tweetnacl'
import { expect, test } from 'vitest'
import {
  formatPublicKey,
  formatSecretKey,
  formatSignature,
  generateSecretKey,
  keyRing,
  parsePublicKey,
  parseSecretKey,
  parseSignature,
  signText,
  verifyText,
} from '../../src/nix/signature.ts'
import { codeOf } from './code-of.ts'

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })
const key = generateSecretKey('test-1')

test('signs as tweetnacl does, byte for byte', () => {
  fc.assert(
    fc.property(seed, fc.string({ unit: 'binary' }), (bytes, text) => {
      const pair = nacl.sign.keyPair.fromSeed(bytes)
      const secretKey = generateSecretKey('k', bytes)
      const signature = signText(text, secretKey)
      expect(Buffer.from(secretKey.publicKey.bytes).equals(pair.publicKey)).toBe(true)
      const expected = nacl.sign.detached(Buffer.from(text), pair.secretKey)
      expect(Buffer.from(signature.bytes).equals(expected)).toBe(true)
      expect(verifyText(text, signature, secretKey.publicKey)).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('a signature fits one text and one key', () => {
  const signature = signText('text', key)
  expect(verifyText('text', signature, key.publicKey)).toBe(true)
  expect(verifyText('text ', signature, key.publicKey)).toBe(false)
  expect(verifyText('text', signature, generateSecretKey('test-1').publicKey)).toBe(false)
  const bent = Uint8Array.from(signature.bytes)
  bent[10] = (bent[10] as number) ^ 1
  expect(verifyText('text', { ...signature, bytes: bent }, key.publicKey)).toBe(false)
})

test('keys and signatures are read back as written, a final newline in a key file being fine', () => {
  expect(formatSecretKey(parseSecretKey(`${formatSecretKey(key)}\n`))).toBe(formatSecretKey(key))
  const publicText = formatPublicKey(key.publicKey)
  expect(formatPublicKey(parsePublicKey(`${publicText}\n`))).toBe(publicText)
  const signature = formatSignature(signText('text', key))
  expect(formatSignature(parseSignature(signature))).toBe(signature)
})

const base64 = (bytes: number) => Buffer.alloc(bytes).toString('base64')

test.each([
  ['no name', `:${base64(64)}`],
  ['no colon', base64(64)],
  ['nothing', ''],
  ['a space in the name', `a b:${base64(64)}`],
  ['a newline in the name', `a\nb:${base64(64)}`],
  ['two colons', `a:b:${base64(64)}`],
  ['too few bytes', `a:${base64(63)}`],
  ['too many bytes', `a:${base64(65)}`],
  ['no padding', `a:${base64(64).slice(0, -1)}`],
  ['white space in the base64', `a:${base64(64).slice(0, 8)} ${base64(64).slice(8)}`],
  ['spare bits', `a:${base64(64).slice(0, -3)}B==`],
])('refuses signatures and keys with %s', (_, text) => {
  expect(codeOf(() => parseSignature(text))).toBe('BAD_SIGNATURE')
  expect(codeOf(() => parsePublicKey(text))).toBe('BAD_KEY')
  expect(codeOf(() => parseSecretKey(text))).toBe('BAD_KEY')
})

test('refuses a secret key whose halves are of two keys', () => {
  const halves = Buffer.concat([key.seed, generateSecretKey('other').publicKey.bytes])
  expect(codeOf(() => parseSecretKey(`test-1:${halves.toString('base64')}`))).toBe('BAD_KEY')
})

test('the message about a bad secret key does not repeat it', () => {
  const text = formatSecretKey(key).slice(0, -4)
  expect(() => parseSecretKey(text)).toThrow(/^((?!test-1).)*$/)
})

test('refuses names that cannot be written in front of a colon', () => {
  for (const name of ['', 'a:b', 'a b', 'a\n'])
    expect(codeOf(() => generateSecretKey(name))).toBe('BAD_KEY')
})

test('of two keys with one name the ring keeps the first', () => {
  const [first, second] = [generateSecretKey('k'), generateSecretKey('k')]
  const ring = keyRing([formatPublicKey(first.publicKey), formatPublicKey(second.publicKey)])
  expect([...ring.keys()]).toEqual(['k'])
  expect(ring.get('k')?.bytes).toEqual(first.publicKey.bytes)
})
