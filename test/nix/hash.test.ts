import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { HashNotation } from '../../src/nix/hash.ts'
import { formatDigest, formatHash, parseHash, sameHash } from '../../src/nix/hash.ts'
import { anyHash } from './arbitraries.ts'
import { codeOf } from './code-of.ts'

const notations: HashNotation[] = ['nix32', 'hex', 'base64', 'sri']
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

test('every notation says the same hash', () => {
  fc.assert(
    fc.property(anyHash, fc.constantFrom(...notations), (hash, notation) => {
      const text = formatHash(hash, notation)
      expect(sameHash(parseHash(text), hash)).toBe(true)
      expect(sameHash(parseHash(text, hash.algorithm), hash)).toBe(true)
    }),
  )
})

test('from every notation every other comes out the same', () => {
  const notation = fc.constantFrom(...notations)
  fc.assert(
    fc.property(anyHash, notation, notation, (hash, from, to) => {
      expect(formatHash(parseHash(formatHash(hash, from)), to)).toBe(formatHash(hash, to))
    }),
  )
})

test('reads a bare digest where the algorithm is known', () => {
  fc.assert(
    fc.property(anyHash, fc.constantFrom('nix32', 'hex', 'base64'), (hash, notation) => {
      expect(sameHash(parseHash(formatDigest(hash, notation), hash.algorithm), hash)).toBe(true)
    }),
  )
})

test('writes the hash of nothing as Nix does', () => {
  const hash = parseHash(`sha256:${empty}`)
  expect(formatHash(hash)).toBe('sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73')
  expect(formatHash(hash, 'sri')).toBe('sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')
})

test('takes hex in capitals, as Nix does', () => {
  expect(formatHash(parseHash(`sha256:${empty.toUpperCase()}`), 'hex')).toBe(`sha256:${empty}`)
})

test.each([
  ['no algorithm', empty],
  ['an unknown algorithm', `sha3:${empty}`],
  ['a name every object has', `constructor:${empty}`],
  ['the wrong length', `sha256:${empty}00`],
  ['the length of another algorithm', `sha1:${empty}`],
  ['a letter that is not hex', `sha256:g${empty.slice(1)}`],
  ['spare bits', `sha256:2${'0'.repeat(51)}`],
  ['unpadded base64', 'sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'],
  ['base64 with spare bits', 'sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV='],
  ['hex after a dash', `sha256-${empty}`],
  ['SRI options', 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=?foo'],
  ['white space', ` sha256:${empty}`],
  ['nothing', ''],
])('refuses %s', (_, text) => {
  expect(codeOf(() => parseHash(text))).toBe('BAD_HASH')
})

test('refuses another algorithm than the one asked for', () => {
  expect(codeOf(() => parseHash(`sha256:${empty}`, 'sha1'))).toBe('BAD_HASH')
})

test('any text is a hash or BAD_HASH', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('', 'sha256:', 'md5-'), (text, prefix) => {
      expect([undefined, 'BAD_HASH']).toContain(codeOf(() => parseHash(prefix + text)))
    }),
  )
})

test('hashes of different algorithms differ', () => {
  const digest = new Uint8Array(20)
  expect(sameHash({ algorithm: 'sha1', digest }, { algorithm: 'md5', digest })).toBe(false)
})
