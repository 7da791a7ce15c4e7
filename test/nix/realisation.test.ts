import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Realisation } from '../../src/nix/realisation.ts'
import {
  parseRealisation,
  parseRealisationId,
  printRealisation,
  printRealisationId,
  realisationFingerprint,
  realisationSignedBy,
} from '../../src/nix/realisation.ts'
import type { Signature } from '../../src/nix/signature.ts'
import { formatSignature, generateSecretKey, signText } from '../../src/nix/signature.ts'
import { sha256, storePath } from './arbitraries.ts'
import { codeOf } from './code-of.ts'

const drvHash = `sha256:${'ab'.repeat(32)}`
const path = `${'0'.repeat(32)}-hello`
const key = generateSecretKey('test-1')
const ring = new Map([['test-1', key.publicKey]])

const id = fc.record({ drvHash: sha256, outputName: fc.constantFrom('out', 'dev', 'lib-1.0') })
const realisation: fc.Arbitrary<Realisation> = fc.record({
  id,
  outPath: storePath,
  signatures: fc.constant([]),
  dependentRealisations: fc
    .array(fc.tuple(id.map(printRealisationId), storePath), { maxLength: 4 })
    .map((pairs) => new Map(pairs)),
})

test('reads back what it prints', () => {
  fc.assert(
    fc.property(realisation, (value) => {
      const signatures = [signText('x', key)]
      expect(parseRealisation(printRealisation({ ...value, signatures }))).toEqual({
        ...value,
        signatures,
      })
    }),
    { numRuns: 50 },
  )
})

test('reads back the ids it prints', () => {
  fc.assert(
    fc.property(id, (value) => {
      expect(parseRealisationId(printRealisationId(value))).toEqual(value)
    }),
  )
})

test('signs the sorted JSON without its signatures', () => {
  const text = `{"signatures":["a"],"outPath":"${path}","id":"${drvHash}!out","dependentRealisations":{"${drvHash}!b":"${path}","${drvHash}!a":"${path}"}}`
  expect(realisationFingerprint(parseRealisation(text))).toBe(
    `{"dependentRealisations":{"${drvHash}!a":"${path}","${drvHash}!b":"${path}"},` +
      `"id":"${drvHash}!out","outPath":"${path}"}`,
  )
})

test('names the key that signed, and none after an edit', () => {
  fc.assert(
    fc.property(realisation, storePath, (value, outPath) => {
      const signatures = [signText(realisationFingerprint(value), key)]
      expect(realisationSignedBy({ ...value, signatures }, ring)).toBe('test-1')
      expect(realisationSignedBy({ ...value, outPath, signatures }, ring)).toBeUndefined()
      expect(realisationSignedBy(value, ring)).toBeUndefined()
    }),
    { numRuns: 20 },
  )
})

test('drops malformed signatures, keeps good ones', () => {
  const good = formatSignature(signText('x', key))
  const text = `{"id":"${drvHash}!out","outPath":"${path}","signatures":["bad",1,"${good}"]}`
  expect(parseRealisation(text).signatures.map(formatSignature)).toEqual([good])
})

test('prints signatures sorted, as Nix does', () => {
  const unsigned = parseRealisation(`{"id":"${drvHash}!out","outPath":"${path}"}`)
  const a = signText('x', generateSecretKey('a'))
  const b = signText('x', generateSecretKey('b'))
  const print = (signatures: Signature[]) => printRealisation({ ...unsigned, signatures })
  expect(print([b, a])).toBe(print([a, b]))
})

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['nothing in it', '{}'],
  ['an id without output', `{"id":"${drvHash}","outPath":"${path}"}`],
  ['an id with an empty output', `{"id":"${drvHash}!","outPath":"${path}"}`],
  ['an id that climbs', `{"id":"${drvHash}!..","outPath":"${path}"}`],
  ['an id with a slash', `{"id":"${drvHash}!a/b","outPath":"${path}"}`],
  ['a full path', `{"id":"${drvHash}!out","outPath":"/nix/store/${path}"}`],
  ['signatures that are no list', `{"id":"${drvHash}!out","outPath":"${path}","signatures":"a"}`],
  [
    'a bad dependent',
    `{"id":"${drvHash}!out","outPath":"${path}","dependentRealisations":{"a":1}}`,
  ],
])('refuses %s', (_, text) => {
  expect(codeOf(() => parseRealisation(text))).toBe('BAD_REALISATION')
})

test('any JSON is a realisation or BAD_REALISATION', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(codeOf(() => parseRealisation(text))).toBe('BAD_REALISATION')
    }),
  )
})
