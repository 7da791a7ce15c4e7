import { createHash } from 'node:crypto'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import nacl from 'tweetnacl'
import { expect } from 'vitest'
import type { HashAlgorithm } from '../../src/nix/hash.ts'
import { formatDigest, formatHash, parseHash } from '../../src/nix/hash.ts'
import type { NarNode } from '../../src/nix/nar.ts'
import { encodeNar } from '../../src/nix/nar.ts'
import { NarDecoder } from '../../src/nix/nar-decoder.ts'
import {
  formatPublicKey,
  formatSecretKey,
  parsePublicKey,
  parseSecretKey,
  signText,
  verifyText,
} from '../../src/nix/signature.ts'
import { testWith } from '../support/programs.ts'
import { narNode } from './arbitraries.ts'
import { codeOf } from './code-of.ts'
import { realNix } from './real-nix.ts'
import { decodeTree } from './tree-builder.ts'

const test = testWith(['nix', 'nix-store'])
/** Each starts two programs. */
const maxRestores = 12

test('nix hash writes every notation as we do', async () => {
  const nix = await realNix()
  const algorithms: HashAlgorithm[] = ['md5', 'sha1', 'sha256', 'sha512']
  const hashes = algorithms.flatMap((algorithm) =>
    ['', 'a', 'narwhal'].map((text) => ({
      algorithm,
      digest: Uint8Array.from(createHash(algorithm).update(text).digest()),
    })),
  )
  const texts = hashes.map((hash) => formatHash(hash, 'hex'))
  const convert = (to: string) =>
    nix
      .run('nix', ['hash', `to-${to}`, ...texts])
      .toString()
      .trim()
      .split('\n')
  expect(convert('base16')).toEqual(hashes.map((hash) => formatDigest(hash, 'hex')))
  expect(convert('base32')).toEqual(hashes.map((hash) => formatDigest(hash, 'nix32')))
  expect(convert('base64')).toEqual(hashes.map((hash) => formatDigest(hash, 'base64')))
  expect(convert('sri')).toEqual(hashes.map((hash) => formatHash(hash, 'sri')))
  for (const sri of convert('sri')) expect(texts).toContain(formatHash(parseHash(sri), 'hex'))
})

test('nix-store --dump writes a tree of every oddity as we do', async () => {
  const nix = await realNix()
  const root = join(nix.dir, 'odd')
  const tree: NarNode = {
    type: 'directory',
    entries: new Map<string, NarNode>([
      ['empty', regular('')],
      ['eight', regular('12345678')],
      ['nine', regular('123456789', true)],
      ['large', regular('x'.repeat(200_001))],
      ['nothing inside', { type: 'directory', entries: new Map() }],
      ['dangling', { type: 'symlink', target: '/nowhere/at all' }],
      ['bin', { type: 'directory', entries: new Map([['sh', regular('#!/bin/sh', true)]]) }],
      ...['10', '9', 'B', 'a', '__proto__', '-', '...', 'line\nbreak', '\u{1f40b}', '\ufb00'].map(
        (name): [string, NarNode] => [name, regular(name)],
      ),
      ['n'.repeat(255), regular('long')],
    ]),
  }
  await writeTree(root, tree)
  const dumped = nix.run('nix-store', ['--dump', root])
  expect(dumped.equals(encodeNar(tree))).toBe(true)
  expect(decodeTree(dumped)).toEqual(tree)
})

test('nix-store --dump of names that are not UTF-8 decodes', async () => {
  const nix = await realNix()
  const root = join(nix.dir, 'latin')
  await mkdir(root)
  for (const byte of [0xe4, 0xff, 0xf6])
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(byte)]), '')
  const decoder = new NarDecoder()
  decoder.write(nix.run('nix-store', ['--dump', root]))
  decoder.end()
})

test('nix-store --restore takes what we encode, and dumps it the same', async () => {
  const nix = await realNix()
  for (const [i, node] of fc.sample(narNode, 12).entries()) {
    const nar = encodeNar(node)
    const path = join(nix.dir, `restored-${i}`)
    nix.run('nix-store', ['--restore', path], nar)
    expect(nix.run('nix-store', ['--dump', path]).equals(nar)).toBe(true)
  }
})

test('of damaged dumps, what we take nix-store --restore takes too, and dumps it the same', async () => {
  const nix = await realNix()
  const dumps = fc.sample(narNode, 10).map((node, i) => {
    const path = join(nix.dir, `dumped-${i}`)
    nix.run('nix-store', ['--restore', path], encodeNar(node))
    return nix.run('nix-store', ['--dump', path])
  })
  let taken = 0
  const property = fc.property(
    fc.constantFrom(...dumps),
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
    (dump, at, flip) => {
      const bytes = Buffer.from(dump)
      const place = at % bytes.length
      bytes.writeUInt8((bytes[place] as number) ^ flip, place)
      if (codeOf(() => decodeTree(bytes)) !== undefined || taken >= maxRestores) return
      taken += 1
      const path = join(nix.dir, `damaged-${taken}`)
      nix.run('nix-store', ['--restore', path], bytes)
      expect(nix.run('nix-store', ['--dump', path]).equals(bytes)).toBe(true)
    },
  )
  fc.assert(property, { numRuns: 1000 })
  expect(taken).toBeGreaterThan(0)
})

test('keys of nix-store --generate-binary-cache-key are read, and sign as tweetnacl does', async () => {
  const nix = await realNix()
  nix.run('nix-store', ['--generate-binary-cache-key', 'cache.example.org-1', 'secret', 'public'])
  const secretText = nix.run('cat', ['secret']).toString()
  const publicText = nix.run('cat', ['public']).toString()
  const key = parseSecretKey(secretText)
  expect(key.name).toBe('cache.example.org-1')
  expect(formatSecretKey(key)).toBe(secretText.trim())
  expect(formatPublicKey(key.publicKey)).toBe(publicText.trim())

  const pair = nacl.sign.keyPair.fromSecretKey(
    Buffer.from(secretText.split(':')[1] ?? '', 'base64'),
  )
  const theirs = nacl.sign.detached(Buffer.from('text'), pair.secretKey)
  const ours = signText('text', key)
  expect(ours.bytes).toEqual(theirs)
  expect(verifyText('text', ours, parsePublicKey(publicText))).toBe(true)
})

function regular(text: string, executable = false): NarNode {
  return { type: 'regular', executable, contents: Uint8Array.from(Buffer.from(text)) }
}

async function writeTree(path: string, node: NarNode): Promise<void> {
  if (node.type === 'symlink') await symlink(node.target, path)
  else if (node.type === 'regular') {
    await writeFile(path, node.contents)
    if (node.executable) await chmod(path, 0o755)
  } else {
    await mkdir(path)
    for (const [name, child] of node.entries) await writeTree(join(path, name), child)
  }
}
