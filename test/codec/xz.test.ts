import { crc32 } from 'node:zlib'
import { expect } from 'vitest'
import { unpackXz } from '../../src/codec/xz.ts'
import { KiB, MiB } from '../../src/units.ts'
import { testWith } from '../support/programs.ts'
import { arriving, joined } from './arrival.ts'
import { binaryLike, flipped, packWith } from './packed.ts'

const test = testWith(['xz'])
const original = binaryLike(3 * MiB)
const short = binaryLike(2000)

const xz = (options: string[], bytes: Uint8Array = original) => packWith('xz', options, bytes)
const unpacked = (packed: Uint8Array, maxDictionaryBytes = 128 * MiB) =>
  joined(unpackXz(arriving(packed), maxDictionaryBytes))

test.for([
  ['-0'],
  ['-6'],
  ['-9e'],
  ['--check=none'],
  ['--check=crc32'],
  ['--check=crc64'],
  ['--check=sha256'],
  ['-T2', '-0', '--block-size=1MiB'],
  ['-0', '--block-size=100000'],
  ['--lzma2=preset=0,lc=0,lp=4,pb=0'],
  ['--lzma2=preset=0,lc=1,lp=2,pb=4'],
  ['--lzma2=preset=0,dict=4KiB'],
])('unpacks what xz %j packs', async (options) => {
  expect((await unpacked(xz(options))).equals(original)).toBe(true)
})

test('holds one large window at a time', async () => {
  const packed = xz(['--lzma2=preset=0,dict=128MiB'], Buffer.alloc(140 * MiB))
  const held = () => process.memoryUsage().arrayBuffers
  const before = held()
  let peak = before
  let bytes = 0
  for await (const piece of unpackXz(arriving(packed), 128 * MiB)) {
    bytes += piece.length
    peak = Math.max(peak, held())
  }
  expect(bytes).toBe(140 * MiB)
  // the dictionary and a quarter, and the smaller ones before it until they are collected
  expect(peak - before).toBeLessThan(200 * MiB)
})

test('unpacks far matches after the window was moved many times', async () => {
  const far = binaryLike(900 * KiB)
  const bytes = Buffer.concat([far, original, far, original, far, original])
  expect((await unpacked(xz(['--lzma2=preset=1,dict=1MiB'], bytes))).equals(bytes)).toBe(true)
  expect((await unpacked(xz(['--lzma2=preset=1,dict=8MiB'], bytes))).equals(bytes)).toBe(true)
})

test('keeps as much history as the dictionary is large', async () => {
  const bytes = Buffer.alloc(5 * MiB, binaryLike(4 * KiB))
  expect((await unpacked(xz(['--lzma2=preset=6,dict=4KiB'], bytes))).equals(bytes)).toBe(true)
})

test('unpacks an empty file and several streams with padding between', async () => {
  const parts = [xz([], Buffer.alloc(0)), Buffer.alloc(8), xz([], short), Buffer.alloc(4)]
  expect(await unpacked(Buffer.concat(parts))).toEqual(short)
})

test('refuses padding that is no multiple of four', async () => {
  await expect(unpacked(Buffer.concat([xz([], short), Buffer.alloc(6)]))).rejects.toThrow(/damaged/)
})

// The block check, the index, the footer and all the header fields: xz leaves no bit uncovered.
test.for(['crc32', 'crc64', 'sha256'])('notices each flipped bit (%s)', async (check) => {
  const packed = xz([`--check=${check}`], short)
  for (let bit = 0; bit < packed.length * 8; bit++) {
    const damaged = flipped(packed, bit >> 3, 1 << (bit & 7))
    await expect(unpacked(damaged), `bit ${bit}`).rejects.toMatchObject({ code: 'CORRUPT' })
  }
})

test('refuses an index that lists other blocks', async () => {
  const options = ['--check=none', '--block-size=1000']
  const [a, b] = [xz(options, short), xz(options, binaryLike(1500))]
  const indexAt = (packed: Buffer) =>
    packed.length - 12 - (packed.readUInt32LE(packed.length - 8) + 1) * 4
  const swapped = Buffer.concat([a.subarray(0, indexAt(a)), b.subarray(indexAt(b))])
  await expect(unpacked(swapped)).rejects.toThrow(/index/)
})

test('refuses a footer that tells another index size or check', async () => {
  const packed = xz(['--check=crc32'], short)
  const footerAt = packed.length - 12
  for (const [at, value] of [
    [footerAt + 4, 200],
    [footerAt + 9, 4],
  ] as const) {
    const other = Buffer.from(packed)
    other[at] = value
    other.writeUInt32LE(crc32(other.subarray(footerAt + 4, footerAt + 10)), footerAt)
    await expect(unpacked(other)).rejects.toThrow(/footer/)
  }
})

test('refuses a dictionary larger than allowed, whatever the file holds', async () => {
  const packed = xz(['--lzma2=preset=0,dict=64MiB'], short)
  expect(await unpacked(packed, 64 * MiB)).toEqual(short)
  await expect(unpacked(packed, 32 * MiB)).rejects.toThrow(/dictionary of 67108864 bytes/)
})

test('says so when a filter for machine code was used', async () => {
  await expect(unpacked(xz(['--x86', '--lzma2=preset=0'], short))).rejects.toThrow(/another filter/)
})
