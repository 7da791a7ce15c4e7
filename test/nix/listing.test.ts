import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ListingNode } from '../../src/nix/listing.ts'
import { parseListing, printListing } from '../../src/nix/listing.ts'
import { ListingBuilder } from '../../src/nix/listing-builder.ts'
import type { NarNode } from '../../src/nix/nar.ts'
import { encodeNar } from '../../src/nix/nar.ts'
import { NarDecoder } from '../../src/nix/nar-decoder.ts'
import { narNode } from './arbitraries.ts'
import { codeOf } from './code-of.ts'

function listingOf(bytes: Uint8Array): ListingNode {
  const builder = new ListingBuilder()
  const decoder = new NarDecoder(builder)
  decoder.write(bytes)
  decoder.end()
  return builder.listing()
}

/** Holds a listing against the tree it is of, reading contents where it says they are. */
function expectLists(listing: ListingNode | undefined, node: NarNode, nar: Uint8Array): void {
  expect(listing?.type).toBe(node.type)
  if (node.type === 'symlink') expect(listing).toEqual(node)
  if (node.type === 'regular' && listing?.type === 'regular') {
    const from = listing.narOffset as number
    expect(listing.executable).toBe(node.executable)
    expect(Buffer.from(nar.subarray(from, from + listing.size)).equals(node.contents)).toBe(true)
  }
  if (node.type === 'directory' && listing?.type === 'directory') {
    expect([...listing.entries.keys()].sort()).toEqual([...node.entries.keys()].sort())
    for (const [name, child] of node.entries) expectLists(listing.entries.get(name), child, nar)
  }
}

test('a listing tells of every file, and where in the NAR it is', () => {
  fc.assert(
    fc.property(narNode, (node) => {
      const nar = encodeNar(node)
      expectLists(listingOf(nar), node, nar)
    }),
  )
})

test('reads back what it prints', () => {
  fc.assert(
    fc.property(narNode, (node) => {
      const listing = listingOf(encodeNar(node))
      expect(parseListing(printListing(listing))).toEqual(listing)
    }),
  )
})

test('prints the shape Nix does, entries in the order of the NAR', () => {
  const file = { type: 'regular', size: 3, executable: false, narOffset: undefined } as const
  const root: ListingNode = {
    type: 'directory',
    entries: new Map<string, ListingNode>([
      ['9', { ...file, executable: true, narOffset: 96 }],
      ['10', { type: 'symlink', target: '9' }],
      ['__proto__', file],
    ]),
  }
  expect(printListing(root)).toBe(
    '{"version":1,"root":{"type":"directory","entries":{' +
      '"10":{"type":"symlink","target":"9"},' +
      '"9":{"type":"regular","size":3,"executable":true,"narOffset":96},' +
      '"__proto__":{"type":"regular","size":3}}}}',
  )
})

test('a file called __proto__ is a file and nothing more', () => {
  const entries = '{"__proto__":{"type":"regular","size":1}}'
  const root = parseListing(`{"version":1,"root":{"type":"directory","entries":${entries}}}`)
  expect(root.type === 'directory' && [...root.entries.keys()]).toEqual(['__proto__'])
  expect(Object.hasOwn(Object.prototype, 'size')).toBe(false)
})

test('names that JSON cannot tell apart cannot be listed', () => {
  const nar = Buffer.from(encodeNar(directory('\u0101x', '\u0102x')))
  // both names become one invalid byte and the same rest
  const first = nar.indexOf('\u0101x')
  nar[first] = 0xfe
  nar[first + 1] = 0x78
  const second = nar.indexOf('\u0102x')
  nar[second] = 0xff
  nar[second + 1] = 0x78
  expect(codeOf(() => listingOf(nar))).toBe('BAD_LISTING')
})

function directory(...names: string[]): NarNode {
  const file: NarNode = { type: 'regular', executable: false, contents: new Uint8Array() }
  return { type: 'directory', entries: new Map(names.map((name) => [name, file])) }
}

test('there is no listing before there is a NAR', () => {
  expect(codeOf(() => new ListingBuilder().listing())).toBe('BAD_LISTING')
})

const deep = 5000
test.each([
  ['no JSON', '{'],
  ['null', 'null'],
  ['a list', '[]'],
  ['no version', '{"root":{"type":"directory","entries":{}}}'],
  ['version 2', '{"version":2,"root":{"type":"directory","entries":{}}}'],
  ['no root', '{"version":1}'],
  ['an unknown type', '{"version":1,"root":{"type":"fifo"}}'],
  ['no size', '{"version":1,"root":{"type":"regular"}}'],
  ['a negative size', '{"version":1,"root":{"type":"regular","size":-1}}'],
  ['half a byte', '{"version":1,"root":{"type":"regular","size":0.5}}'],
  ['a text for an offset', '{"version":1,"root":{"type":"regular","size":1,"narOffset":"9"}}'],
  ['a list of entries', '{"version":1,"root":{"type":"directory","entries":[]}}'],
  ['no entries', '{"version":1,"root":{"type":"directory"}}'],
  ['a name that climbs', '{"version":1,"root":{"type":"directory","entries":{"..":{}}}}'],
  ['an empty target', '{"version":1,"root":{"type":"symlink","target":""}}'],
  [
    'nesting past all reason',
    `{"version":1,"root":${'{"type":"directory","entries":{"d":'.repeat(deep)}0${'}}'.repeat(deep)}}`,
  ],
])('refuses %s', (_, text) => {
  expect(codeOf(() => parseListing(text))).toBe('BAD_LISTING')
})

test('any JSON is a listing or BAD_LISTING', () => {
  fc.assert(
    fc.property(fc.json(), (root) => {
      const text = `{"version":1,"root":${root}}`
      expect(codeOf(() => parseListing(text))).toBe('BAD_LISTING')
    }),
  )
})
