import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NarNode } from '../../src/nix/nar.ts'
import { encodeNar, encodeNarChunks } from '../../src/nix/nar.ts'
import { narNode } from './arbitraries.ts'
import { codeOf } from './code-of.ts'
import { decodeTree } from './tree-builder.ts'

const file: NarNode = { type: 'regular', executable: false, contents: new Uint8Array() }

function directory(...names: string[]): NarNode {
  return { type: 'directory', entries: new Map(names.map((name) => [name, file])) }
}

/** `depth` directories, each the only entry of the one around it, and a file in the last. */
function nested(depth: number): NarNode {
  let node = file
  for (let i = 0; i < depth; i++) node = { type: 'directory', entries: new Map([['d', node]]) }
  return node
}

test('writes a small file as the format says', () => {
  const word = (text: string) => {
    const length = Buffer.alloc(8)
    length.writeUInt8(text.length)
    return Buffer.concat([length, Buffer.from(text), Buffer.alloc((8 - (text.length % 8)) % 8)])
  }
  const words = ['nix-archive-1', '(', 'type', 'regular', 'executable', '', 'contents', 'hi', ')']
  const node: NarNode = { type: 'regular', executable: true, contents: Buffer.from('hi') }
  expect(Buffer.concat(words.map(word)).equals(encodeNar(node))).toBe(true)
})

test('what is encoded decodes to the same tree', () => {
  fc.assert(
    fc.property(narNode, (node) => {
      expect(decodeTree(encodeNar(node))).toEqual(node)
    }),
  )
})

test('the order entries come in makes no difference', () => {
  const names = ['b', '10', '9', '\u{1f40b}', '\ufb00', 'a', 'B', '-']
  const nar = encodeNar(directory(...names))
  expect(encodeNar(directory(...names.toReversed()))).toEqual(nar)
  expect(decodeTree(nar)).toEqual(directory(...names))
})

test('chunks are the archive in pieces, contents uncopied', () => {
  const contents = new Uint8Array(100_000)
  const node: NarNode = { type: 'regular', executable: false, contents }
  const chunks = [...encodeNarChunks(node)]
  expect(chunks).toContain(contents)
  expect(Buffer.concat(chunks).equals(encodeNar(node))).toBe(true)
})

test('refuses names and targets no file system takes', () => {
  for (const name of ['', '.', '..', 'a/b', 'a\0', 'a'.repeat(256), 'é'.repeat(128)])
    expect(codeOf(() => encodeNar(directory(name)))).toBe('BAD_NAR')
  for (const target of ['', 'a\0', 'a'.repeat(4096)])
    expect(codeOf(() => encodeNar({ type: 'symlink', target }))).toBe('BAD_NAR')
})

test('nests as deep as a path can, and no deeper; encoder and decoder agree', () => {
  expect(decodeTree(encodeNar(nested(1000))).type).toBe('directory')
  expect(codeOf(() => encodeNar(nested(1001)))).toBe('BAD_NAR')
})
