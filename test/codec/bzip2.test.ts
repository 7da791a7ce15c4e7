import { expect } from 'vitest'
import { unpackBzip2 } from '../../src/codec/bzip2.ts'
import { testWith } from '../support/programs.ts'
import { arriving, joined } from './arrival.ts'
import { binaryLike, flipped, packWith } from './packed.ts'

const test = testWith(['bzip2'])
const bzip2 = (options: string[], bytes: Uint8Array) => packWith('bzip2', options, bytes)
const unpacked = (packed: Uint8Array) => joined(unpackBzip2(arriving(packed)))

test.for(['-1', '-5', '-9'])('unpacks several blocks of bzip2 %s', async (level) => {
  const original = binaryLike(2_000_000)
  expect((await unpacked(bzip2([level], original))).equals(original)).toBe(true)
})

test.for([
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['all byte values', Buffer.from(Array.from({ length: 2560 }, (_, i) => i & 255))],
  ['a long run', Buffer.alloc(3_000_000, 7)],
  ['runs around the lengths that are packed', runs()],
  ['one repeated word', Buffer.alloc(500_000, 'store ')],
] as const)('unpacks %s', async ([, original]) => {
  expect((await unpacked(bzip2(['-9'], original))).equals(original)).toBe(true)
})

test('notices each flipped bit but those that mean nothing', async () => {
  const original = binaryLike(2000)
  const packed = bzip2(['-9'], original)
  const accepted: number[] = []
  for (let bit = 0; bit < packed.length * 8; bit++) {
    const damaged = flipped(packed, bit >> 3, 1 << (bit & 7))
    const outcome = await unpacked(damaged).catch((error: { code: string }) => error.code)
    if (outcome === 'CORRUPT') continue
    expect(outcome, `bit ${bit}`).toEqual(original)
    accepted.push(bit)
  }
  // The block size may be any that is enough; the last byte is filled up with bits nobody reads;
  // and a Huffman code that no symbol run uses may differ.
  expect(accepted.length).toBeLessThan(packed.length * 8 * 0.02)
})

test('notices each flipped bit in the CRC of the whole', async () => {
  const packed = bzip2(['-9'], binaryLike(2000))
  // those 32 bits end somewhere in the last byte
  for (let bit = (packed.length - 4) * 8; bit < (packed.length - 1) * 8; bit++)
    await expect(unpacked(flipped(packed, bit >> 3, 1 << (bit & 7)))).rejects.toThrow(/CRC/)
})

/** Runs of every length from 1 to 600, where 4 and 259 are the limits of bzip2's first step. */
function runs(): Buffer {
  return Buffer.concat(Array.from({ length: 600 }, (_, i) => Buffer.alloc(i + 1, i % 3)))
}
