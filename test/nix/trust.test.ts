import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { formatHash } from '../../src/nix/hash.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { parseNarInfo } from '../../src/nix/narinfo.ts'
import { generateSecretKey, signText } from '../../src/nix/signature.ts'
import { isContentAddressed, signedBy } from '../../src/nix/trust.ts'
import { narInfo, sha256, storePath } from './arbitraries.ts'

const key = generateSecretKey('test-1')
const ring = new Map([['test-1', key.publicKey]])

function signed(info: NarInfo): NarInfo {
  return { ...info, signatures: [signText(fingerprint(info), key)] }
}

test('writes the text Nix signs', () => {
  const info = parseNarInfo(`StorePath: /nix/store/${'1'.repeat(32)}-a
URL: x
NarHash: sha256:${'0'.repeat(51)}1
NarSize: 42
References: ${'2'.repeat(32)}-c ${'1'.repeat(32)}-a
`)
  expect(fingerprint(info)).toBe(
    `1;/nix/store/${'1'.repeat(32)}-a;sha256:${'0'.repeat(51)}1;42;` +
      `/nix/store/${'1'.repeat(32)}-a,/nix/store/${'2'.repeat(32)}-c`,
  )
})

test('what is not signed may be rewritten and the signature stays good', () => {
  fc.assert(
    fc.property(narInfo, narInfo, (info, other) => {
      const { url, compression, fileHash, fileSize, deriver, system, ca } = other
      const rewritten = { url, compression, fileHash, fileSize, deriver, system, ca }
      const after = { ...signed(info), ...rewritten }
      expect(fingerprint(after)).toBe(fingerprint(info))
      expect(signedBy(after, ring)).toBe('test-1')
    }),
    { numRuns: 30 },
  )
})

test('what is signed may not', () => {
  const edits: fc.Arbitrary<Partial<NarInfo>> = fc.oneof(
    fc.constant({ storeDir: '/other/store' }),
    fc.record({ storePath }),
    fc.record({ narHash: sha256 }),
    fc.record({ narSize: fc.integer({ min: 1 }) }),
    fc.record({ references: fc.array(storePath, { minLength: 7, maxLength: 8 }) }),
  )
  fc.assert(
    fc.property(narInfo, edits, (info, edit) => {
      const after = { ...signed(info), ...edit }
      fc.pre(after.narSize !== info.narSize || !('narSize' in edit))
      expect(signedBy(after, ring)).toBeUndefined()
    }),
    { numRuns: 50 },
  )
})

test('the order of references is not part of what is signed', () => {
  fc.assert(
    fc.property(narInfo, (info) => {
      const references = [...info.references, ...info.references].reverse()
      expect(fingerprint({ ...info, references })).toBe(fingerprint(info))
    }),
  )
})

test('names the key that signed, past signatures of strangers and bad ones of its own name', () => {
  fc.assert(
    fc.property(narInfo, (info) => {
      const good = signText(fingerprint(info), key)
      const stranger = signText(fingerprint(info), generateSecretKey('stranger'))
      const bad = { ...good, bytes: new Uint8Array(64) }
      const both = { ...info, signatures: [stranger, bad, good] }
      expect(signedBy(both, ring)).toBe('test-1')
      expect(signedBy({ ...info, signatures: [stranger, bad] }, ring)).toBeUndefined()
    }),
    { numRuns: 20 },
  )
})

test('a key under another name is another key', () => {
  fc.assert(
    fc.property(narInfo, (info) => {
      const renamed = { ...signText(fingerprint(info), key), keyName: 'test-2' }
      expect(signedBy({ ...info, signatures: [renamed] }, ring)).toBeUndefined()
    }),
    { numRuns: 10 },
  )
})

test('no made-up CA makes a path content-addressed', () => {
  const prefix = fc.constantFrom('text:', 'fixed:', 'fixed:r:', 'fixed:git:', '')
  fc.assert(
    fc.property(narInfo, prefix, sha256, (info, method, hash) => {
      expect(isContentAddressed({ ...info, ca: method + formatHash(hash) })).toBe(false)
      expect(isContentAddressed({ ...info, ca: method + formatHash(info.narHash) })).toBe(false)
      expect(isContentAddressed({ ...info, ca: undefined })).toBe(false)
    }),
  )
})
