import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseNarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { baseName } from '../../src/nix/store-path.ts'
import { narInfo } from './arbitraries.ts'
import { codeOf } from './code-of.ts'

const hello = '4z7jlwmd44lvwnhwp9szz7s0hxsq1v37-hello-2.10'
const glibc = '9bh3986bpragfjmr32gay8p95k91q4gy-glibc-2.33-47'
const narHash = 'sha256:0yzhigwjl6bws649vcs2asa4lbs8hg93hyix187gc7s7a74w5h80'
const signature = `cache-1:${Buffer.alloc(64, 7).toString('base64')}`

const text = `StorePath: /nix/store/${hello}
URL: nar/1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3.nar.xz
Compression: xz
FileHash: sha256:1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3
FileSize: 41104
NarHash: ${narHash}
NarSize: 206104
References: ${hello} ${glibc}
Deriver: fcn2n4gp0zvbgq2q5axcbd2kwvkjrpxp-hello-2.10.drv
Sig: ${signature}
`

/** The narinfo above with one line in place of another; '' takes the line out. */
function withLine(name: string, line: string): string {
  return text.replace(new RegExp(`^${name}:.*\n`, 'm'), line)
}

function codeOfNarInfo(input: string | Uint8Array) {
  return codeOf(() => parseNarInfo(input))
}

test('reads every field', () => {
  const info = parseNarInfo(text)
  expect(info.storeDir).toBe('/nix/store')
  expect(baseName(info.storePath)).toBe(hello)
  expect(info.compression).toBe('xz')
  expect(info.fileSize).toBe(41104)
  expect(info.narSize).toBe(206104)
  expect(info.references.map(baseName)).toEqual([hello, glibc])
  expect(info.deriver).toBe('fcn2n4gp0zvbgq2q5axcbd2kwvkjrpxp-hello-2.10.drv')
  expect(info.signatures.map((each) => each.keyName)).toEqual(['cache-1'])
  expect(info.ca).toBeUndefined()
})

test('prints what it read, to the byte', () => {
  expect(printNarInfo(parseNarInfo(text))).toBe(text)
  expect(printNarInfo(parseNarInfo(Buffer.from(text)))).toBe(text)
})

test('reads back whatever it prints', () => {
  fc.assert(
    fc.property(narInfo, (info) => {
      expect(parseNarInfo(printNarInfo(info))).toEqual(info)
    }),
  )
})

test('the order of the fields does not matter, nor do fields it does not know', () => {
  const lines = `${text}Provenance: {"a":1}\n__proto__: x\nconstructor: y\n`.trimEnd().split('\n')
  expect(parseNarInfo(`${lines.reverse().join('\n')}\n`)).toEqual(parseNarInfo(text))
})

test('a line "__proto__: x" leaves all prototypes as they are', () => {
  expect(Object.getPrototypeOf(parseNarInfo(`${text}__proto__: x\n`))).toBe(Object.prototype)
})

test.each([
  ['an empty file', ''],
  ['a blank line', `${text}\n`],
  ['a blank line first', `\n${text}`],
  ['no final newline', text.slice(0, -1)],
  ['CRLF', text.replaceAll('\n', '\r\n')],
  ['a NUL', text.replace('hello', 'hel\0o')],
  ['a NUL in a field it does not know', `${text}Note: \0\n`],
  ['a byte order mark', `\ufeff${text}`],
  ['half a surrogate pair', `${text}Note: \ud800\n`],
  ['a line without a colon', `${text}hello\n`],
  ['HTML', '<!DOCTYPE html>\n<title>Log in: here</title>\n'],
  ['a value without the space Nix skips', withLine('URL', 'URL:nar/x.nar\n')],
  ['no StorePath', withLine('StorePath', '')],
  ['no URL', withLine('URL', '')],
  ['an empty URL', withLine('URL', 'URL: \n')],
  ['no NarHash', withLine('NarHash', '')],
  ['no NarSize', withLine('NarSize', '')],
  ['a base name for StorePath', withLine('StorePath', `StorePath: ${hello}\n`)],
  ['a store of one slash', withLine('StorePath', `StorePath: /${hello}\n`)],
  ['a path that climbs', withLine('StorePath', `StorePath: /nix/../store/${hello}\n`)],
  ['a NarHash without algorithm', withLine('NarHash', `NarHash: ${narHash.slice(7)}\n`)],
  ['a NarHash nobody can read', withLine('NarHash', `NarHash: ${narHash}0\n`)],
  ['a NarHash of SHA-1', withLine('NarHash', `NarHash: sha1:${'0'.repeat(40)}\n`)],
  ['a bare FileHash', withLine('FileHash', `FileHash: ${narHash.slice(7)}\n`)],
  ['an empty FileHash', withLine('FileHash', 'FileHash: \n')],
  ['a NarSize of zero', withLine('NarSize', 'NarSize: 0\n')],
  ['a negative NarSize', withLine('NarSize', 'NarSize: -1\n')],
  ['a NarSize past 2⁵³', withLine('NarSize', 'NarSize: 9007199254740993\n')],
  ['a NarSize in hex', withLine('NarSize', 'NarSize: 0x10\n')],
  ['a NarSize with a space after it', withLine('NarSize', 'NarSize: 10 \n')],
  ['a negative FileSize', withLine('FileSize', 'FileSize: -1\n')],
  ['a full path for Deriver', withLine('Deriver', `Deriver: /nix/store/${hello}.drv\n`)],
  ['an empty Deriver', withLine('Deriver', 'Deriver: \n')],
  ['a bad reference', withLine('References', 'References: hello\n')],
  ['full paths for references', withLine('References', `References: /nix/store/${hello}\n`)],
  ['an unknown compression', withLine('Compression', 'Compression: rar\n')],
  ['two CA', `${text}CA: text:sha256:0\nCA: text:sha256:0\n`],
  ...['StorePath', 'URL', 'Compression', 'FileHash', 'NarHash', 'NarSize', 'References'].map(
    (name) => [`two ${name}`, text + text.match(new RegExp(`^${name}:.*\n`, 'm'))?.[0]],
  ),
] as [string, string][])('refuses %s', (_, broken) => {
  expect(codeOfNarInfo(broken)).toBe('BAD_NARINFO')
})

test('refuses bytes that are not UTF-8', () => {
  const bytes = Buffer.concat([Buffer.from(`${text}Note: `), Buffer.of(0xff, 0x0a)])
  expect(codeOfNarInfo(bytes)).toBe('BAD_NARINFO')
})

test('refuses a byte order mark in bytes too', () => {
  expect(codeOfNarInfo(Buffer.from(`\ufeff${text}`))).toBe('BAD_NARINFO')
})

test('no compression, or an empty one, means bzip2', () => {
  for (const line of ['', 'Compression: \n', 'Compression:\n'])
    expect(parseNarInfo(withLine('Compression', line)).compression).toBe('bzip2')
})

test('"unknown-deriver" means none', () => {
  const info = parseNarInfo(withLine('Deriver', 'Deriver: unknown-deriver\n'))
  expect(info.deriver).toBeUndefined()
})

test('a malformed signature is dropped, the good ones stay', () => {
  const info = parseNarInfo(`${text}Sig: nonsense\nSig: a:b\nSig: \n`)
  expect(info.signatures).toHaveLength(1)
})

test('one signature said twice is one', () => {
  expect(parseNarInfo(`${text}Sig: ${signature}\n`).signatures).toHaveLength(1)
})

test('a bare "References:" means none and does not swallow the next line', () => {
  const info = parseNarInfo(withLine('References', 'References:\n'))
  expect(info.references).toEqual([])
  expect(info.deriver).toBeDefined()
  expect(printNarInfo(info)).toContain('\nReferences: \n')
})

test('references are a set in Nix’s order', () => {
  const info = parseNarInfo(withLine('References', `References: ${glibc}  ${hello} ${glibc}\n`))
  expect(info.references.map(baseName)).toEqual([hello, glibc])
})

test('a FileSize of 0 and a FileHash that is not SHA-256 count as not known', () => {
  expect(parseNarInfo(withLine('FileSize', 'FileSize: 0\n')).fileSize).toBeUndefined()
  const sha1 = withLine('FileHash', `FileHash: sha1:${'0'.repeat(40)}\n`)
  expect(parseNarInfo(sha1).fileHash).toBeUndefined()
})

test('hashes in hex, base64 and SRI are read, and printed as Nix prints them', () => {
  const hex = 'sha256:03c51abc8b6d36ce1c0c5a4a05e6c1bd1d80b5d5ce1ef5b6a8e4c3f5a1b2c3d4'
  const base64 = Buffer.from(hex.slice(7), 'hex').toString('base64')
  const [a, b, c] = [hex, `sha256:${base64}`, `sha256-${base64}`].map((hash) =>
    printNarInfo(parseNarInfo(withLine('NarHash', `NarHash: ${hash}\n`))),
  )
  expect(a).toMatch(/^NarHash: sha256:[0-9a-df-np-sv-z]{52}$/m)
  expect([b, c]).toEqual([a, a])
})

test('reads the largest narinfo seen in the wild: 3,691 references', () => {
  const many = Array.from({ length: 3691 }, (_, i) => `${String(i).padStart(32, '0')}-package-1.0`)
  const info = parseNarInfo(withLine('References', `References: ${many.join(' ')}\n`))
  expect(info.references.map(baseName)).toEqual(many)
})

test('any bytes are a narinfo or BAD_NARINFO', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(codeOfNarInfo(bytes)).toBe('BAD_NARINFO')
    }),
  )
})

test('a narinfo with any bytes put in is read to something that prints and reads the same, or is BAD_NARINFO', () => {
  const bytes = Buffer.from(text)
  const position = fc.nat(bytes.length)
  fc.assert(
    fc.property(position, position, fc.uint8Array({ maxLength: 4 }), (from, to, put) => {
      const mutant = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)])
      const code = codeOfNarInfo(mutant)
      if (code !== undefined) {
        expect(code).toBe('BAD_NARINFO')
        return
      }
      const info = parseNarInfo(mutant)
      expect(parseNarInfo(printNarInfo(info))).toEqual(info)
    }),
    { numRuns: 2000 },
  )
})
