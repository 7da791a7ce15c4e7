import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NarNode } from '../../src/nix/nar.ts'
import { encodeNar } from '../../src/nix/nar.ts'
import { NarDecoder } from '../../src/nix/nar-decoder.ts'
import { narNode } from './arbitraries.ts'
import { codeOf } from './code-of.ts'
import { decodeTree } from './tree-builder.ts'

/** A NAR word by word, well-formed or not: strings are words, numbers bare lengths, bytes as they are. */
function nar(...words: (string | number | Uint8Array)[]): Uint8Array {
  const length = (value: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(value))
    return bytes
  }
  return Buffer.concat(
    words.flatMap((word) => {
      if (typeof word === 'number') return [length(word)]
      if (typeof word !== 'string') return [word]
      const bytes = Buffer.from(word)
      return [length(bytes.length), bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]
    }),
  )
}

const magic = 'nix-archive-1'
const file = ['(', 'type', 'regular', 'contents', '', ')']
const entry = (name: string, node: string[] = file) => [
  'entry',
  '(',
  'name',
  name,
  'node',
  ...node,
  ')',
]
const directory = (...entries: string[][]) => [
  magic,
  '(',
  'type',
  'directory',
  ...entries.flat(),
  ')',
]

function codeOfNar(bytes: Uint8Array) {
  return codeOf(() => decodeTree(bytes))
}

test('tells of everything inside, parents first, and where contents begin', () => {
  const tree: NarNode = {
    type: 'directory',
    entries: new Map<string, NarNode>([
      ['bin', { type: 'directory', entries: new Map([['x', executable('hello')]]) }],
      ['link', { type: 'symlink', target: 'bin/x' }],
    ]),
  }
  const bytes = Buffer.from(encodeNar(tree))
  const told: unknown[] = []
  const decoder = new NarDecoder({
    directory: (path) => told.push(['directory', path]),
    regular: (path, about) => told.push(['regular', path, about]),
    contents: (chunk) => told.push(Buffer.from(chunk).toString()),
    symlink: (path, target) => told.push(['symlink', path, target]),
  })
  decoder.write(bytes)
  decoder.end()
  expect(told).toEqual([
    ['directory', ''],
    ['directory', 'bin'],
    ['regular', 'bin/x', { executable: true, size: 5, offset: bytes.indexOf('hello') }],
    'hello',
    ['symlink', 'link', 'bin/x'],
  ])
})

function executable(text: string): NarNode {
  return { type: 'regular', executable: true, contents: Buffer.from(text) }
}

test('any cutting into pieces, empty ones too, gives the same', () => {
  fc.assert(
    fc.property(narNode, fc.array(fc.nat({ max: 30 }), { minLength: 1 }), (node, sizes) => {
      fc.pre(sizes.some((size) => size > 0))
      const bytes = encodeNar(node)
      const pieces: Uint8Array[] = []
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length] as number
        pieces.push(bytes.subarray(at, at + size))
        at += size
      }
      expect(decodeTree(...pieces)).toEqual(node)
    }),
  )
})

test('a damaged NAR is refused with the same words, whatever pieces it comes in', () => {
  const pieceSizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 })
  fc.assert(
    fc.property(
      narNode,
      fc.nat(),
      fc.uint8Array({ maxLength: 9 }),
      pieceSizes,
      (node, at, put, sizes) => {
        const whole = Buffer.from(encodeNar(node))
        const from = at % whole.length
        const bytes = Buffer.concat([whole.subarray(0, from), put, whole.subarray(from + 1)])
        const pieces: Uint8Array[] = []
        for (let start = 0, i = 0; start < bytes.length; i++) {
          const size = sizes[i % sizes.length] as number
          pieces.push(bytes.subarray(start, start + size))
          start += size
        }
        expect(faultOf(...pieces)).toBe(faultOf(bytes))
      },
    ),
    { numRuns: 500 },
  )
})

/** What the decoder says is wrong; undefined when nothing is. */
function faultOf(...pieces: Uint8Array[]): string | undefined {
  try {
    decodeTree(...pieces)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

test('every NAR cut short is refused by end(), and not before', () => {
  const bytes = nar(...directory(entry('a'), entry('b')))
  for (let length = 0; length < bytes.length; length++) {
    const decoder = new NarDecoder()
    decoder.write(bytes.subarray(0, length))
    expect(codeOf(() => decoder.end())).toBe('BAD_NAR')
  }
})

test('one byte changed is refused, or is another tree that encodes to just these bytes', () => {
  fc.assert(
    fc.property(narNode, fc.nat(), fc.integer({ min: 1, max: 255 }), (node, at, flip) => {
      const bytes = Buffer.from(encodeNar(node))
      const position = at % bytes.length
      bytes.writeUInt8((bytes[position] as number) ^ flip, position)
      const code = codeOfNar(bytes)
      if (code !== undefined) expect(code).toBe('BAD_NAR')
      else if (!hasLostBytes(decodeTree(bytes)))
        expect(Buffer.from(encodeNar(decodeTree(bytes)))).toEqual(bytes)
    }),
    { numRuns: 1000 },
  )
})

/** True when a name or target was not UTF-8 and shows as U+FFFD. */
function hasLostBytes(node: NarNode): boolean {
  if (node.type === 'symlink') return node.target.includes('\ufffd')
  if (node.type === 'regular') return false
  return [...node.entries].some(([name, child]) => name.includes('\ufffd') || hasLostBytes(child))
}

test.each([
  ['nothing', nar()],
  ['another magic', nar('nix-archive-2', ...file)],
  ['no magic', nar(...file)],
  ['a file after the end', nar(magic, ...file, ...file)],
  ['a byte after the end', nar(magic, ...file, Buffer.of(0))],
  ['an unknown type', nar(magic, '(', 'type', 'fifo', ')')],
  ['a file without contents', nar(magic, '(', 'type', 'regular', ')')],
  [
    'a value for executable',
    nar(magic, '(', 'type', 'regular', 'executable', 'x', 'contents', '', ')'),
  ],
  [
    'executable after the contents',
    nar(magic, '(', 'type', 'regular', 'contents', '', 'executable', '', ')'),
  ],
  ['padding after a word that is not zero', nar(magic, 1, Buffer.from('(\0\0\0\0\0\0\x01'))],
  [
    'padding after contents that is not zero',
    nar(magic, '(', 'type', 'regular', 'contents', 1, Buffer.from('x\0\0\0\0\0\0\x01'), ')'),
  ],
  ['a name of 256 bytes', nar(...directory(entry('a'.repeat(256))))],
  ['an empty name', nar(...directory(entry('')))],
  ['the name "."', nar(...directory(entry('.')))],
  ['the name ".."', nar(...directory(entry('..')))],
  ['a slash in a name', nar(...directory(entry('a/b')))],
  ['a NUL in a name', nar(...directory(entry('a\0')))],
  ['names out of order', nar(...directory(entry('b'), entry('a')))],
  ['one name twice', nar(...directory(entry('a'), entry('a')))],
  ['names in UTF-16 order', nar(...directory(entry('\u{1f40b}'), entry('\ufb00')))],
  ['a symlink to nothing', nar(magic, '(', 'type', 'symlink', 'target', '', ')')],
  [
    'a symlink target of 4096 bytes',
    nar(magic, '(', 'type', 'symlink', 'target', 'a'.repeat(4096), ')'),
  ],
  ['a NUL in a symlink target', nar(magic, '(', 'type', 'symlink', 'target', 'a\0', ')')],
])('refuses %s', (_, bytes) => {
  expect(codeOfNar(bytes)).toBe('BAD_NAR')
})

test('names need order only within one directory', () => {
  const inner = ['(', 'type', 'directory', ...entry('z'), ')']
  const bytes = nar(...directory(entry('a', inner), entry('b', inner)))
  expect(codeOfNar(bytes)).toBeUndefined()
})

test('names that are not UTF-8 are kept apart and in order by their bytes', () => {
  const raw = (byte: number) => [
    'entry',
    '(',
    'name',
    1,
    Buffer.of(byte, 0, 0, 0, 0, 0, 0, 0),
    'node',
  ]
  const paths: string[] = []
  const read = (...order: number[]) => {
    const entries = order.flatMap((byte) => [...raw(byte), ...file, ')'])
    const decoder = new NarDecoder({ regular: (path) => paths.push(path) })
    decoder.write(nar(magic, '(', 'type', 'directory', ...entries, ')'))
    decoder.end()
  }
  read(0xfe, 0xff)
  expect(paths).toEqual(['\ufffd', '\ufffd'])
  expect(codeOf(() => read(0xff, 0xfe))).toBe('BAD_NAR')
})

test('endless nesting is refused at a fixed depth', () => {
  const decoder = new NarDecoder()
  const deeper = nar('(', 'type', 'directory', 'entry', '(', 'name', 'd', 'node')
  decoder.write(nar(magic))
  const levels = Array.from({ length: 2000 }, (_, level) => level)
  const refused = levels.find((_) => codeOf(() => decoder.write(deeper)) === 'BAD_NAR')
  expect(refused).toBe(1001)
})

test('a path longer than any file system takes is refused', () => {
  const decoder = new NarDecoder()
  const deeper = nar('(', 'type', 'directory', 'entry', '(', 'name', 'd'.repeat(255), 'node')
  decoder.write(nar(magic))
  for (let level = 0; level < 15; level++) decoder.write(deeper)
  expect(codeOf(() => decoder.write(deeper))).toBe('BAD_NAR')
})

test.each([
  ['a keyword of a gigabyte', nar(magic, 2 ** 30)],
  ['a name of 256 bytes', nar(magic, '(', 'type', 'directory', 'entry', '(', 'name', 256)],
  ['a target of 4096 bytes', nar(magic, '(', 'type', 'symlink', 'target', 4096)],
  ['a file past 2⁵³ bytes', nar(magic, '(', 'type', 'regular', 'contents', Buffer.alloc(8, 255))],
])('refuses %s at the word of its length, before it comes', (_, bytes) => {
  expect(codeOf(() => new NarDecoder().write(bytes))).toBe('BAD_NAR')
})

test('after a fault it stays at that fault', () => {
  const decoder = new NarDecoder()
  expect(codeOf(() => decoder.write(nar('nope')))).toBe('BAD_NAR')
  expect(codeOf(() => decoder.write(nar(magic, ...file)))).toBe('BAD_NAR')
  expect(codeOf(() => decoder.end())).toBe('BAD_NAR')
})

test('after the visitor threw it throws the same again', () => {
  const stop = new Error('enough')
  const visitor = {
    regular: () => {
      throw stop
    },
  }
  const decoder = new NarDecoder(visitor)
  expect(() => decoder.write(nar(magic, ...file))).toThrow(stop)
  expect(() => decoder.end()).toThrow(stop)
})

test('contents of gigabytes pass through without being kept', () => {
  const piece = new Uint8Array(1 << 20)
  let seen = 0
  const decoder = new NarDecoder({ contents: (chunk) => (seen += chunk.length) })
  decoder.write(nar(magic, '(', 'type', 'regular', 'contents', piece.length * 4096))
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 4096; i++) decoder.write(piece)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  decoder.write(nar(')'))
  decoder.end()
  expect(seen).toBe(piece.length * 4096)
})

test('a directory of 50,000 entries takes no more memory than one of a few', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const decoder = new NarDecoder({ regular: () => undefined })
  const bytes = Buffer.from(nar(...entry('entry 00000000')))
  const digits = bytes.indexOf('00000000')
  const write = (from: number, to: number) => {
    for (let at = from; at < to; at += 1) {
      bytes.write(String(at).padStart(8, '0'), digits)
      decoder.write(bytes)
    }
    collect()
    return process.memoryUsage().heapUsed
  }
  decoder.write(nar(magic, '(', 'type', 'directory'))
  const before = write(0, 1000)
  expect(write(1000, 50_000) - before).toBeLessThan(2 << 20)
  decoder.write(nar(')'))
  decoder.end()
})

test('any bytes are a NAR or BAD_NAR', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, withMagic) => {
      const input = withMagic ? Buffer.concat([nar(magic), bytes]) : bytes
      expect(codeOfNar(input)).toBe('BAD_NAR')
    }),
  )
})
