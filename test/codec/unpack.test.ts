import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canUnpack, unpack } from '../../src/codec/unpack.ts'
import { isAppError } from '../../src/errors.ts'
import { testWith } from '../support/programs.ts'
import { arriving, digestOf, joined } from './arrival.ts'
import { binaryLike, flipped, pack, packables, packWith, unpackable } from './packed.ts'

const original = binaryLike(300_000)
const short = binaryLike(3000)

test.each([
  ['xz', '/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQADbmFyCgDtEsqww/elUAABHARvLJzBH7bzfQEAAAAABFla'],
  ['bzip2', 'QlpoOTFBWSZTWYgunPEAAAFBgAAQIAEQACAAIZpoM00XPF3JFOFCQiC6c8Q='],
] as const)('unpacks %s without a program of this machine', async (compression, base64) => {
  const packed = Buffer.from(base64, 'base64')
  expect((await joined(unpack(compression, arriving(packed, [5])))).toString()).toBe('nar\n')
})

test('says which compressions it unpacks', () => {
  expect(packables.every(([compression]) => canUnpack(compression))).toBe(true)
  expect(canUnpack(unpackable)).toBe(false)
  expect(() => unpack(unpackable, arriving(short))).toThrow(
    expect.objectContaining({ code: 'UNVERIFIABLE' }),
  )
})

describe.each(packables)('%s', (compression, programs) => {
  const test = testWith(programs)
  const outcome = (packed: Uint8Array, sizes?: readonly number[]) =>
    joined(unpack(compression, arriving(packed, sizes))).then(digestOf, (error: unknown) => {
      if (isAppError(error, 'CORRUPT')) return error.message
      throw error
    })

  test.for([[[1]], [[7, 4096, 1]], [[65_536]], [[2 ** 30]]] as const)(
    'unpacks what arrives in pieces of %j',
    async ([sizes]) => {
      expect(await outcome(pack(compression, original), sizes)).toBe(digestOf(original))
    },
  )

  test('unpacks however the bytes arrive', async () => {
    const packed = pack(compression, short)
    const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(sizes, async (sizes) => {
        expect(await outcome(packed, sizes)).toBe(digestOf(short))
      }),
      { numRuns: 50 },
    )
  })

  test('notices a flip in the first, middle and last byte', async () => {
    const packed = pack(compression, original)
    for (const at of [0, packed.length >> 1, packed.length - 1]) {
      expect(await outcome(flipped(packed, at)), `byte ${at}`).not.toBe(digestOf(original))
    }
  })

  if (compression === 'none') return

  test('refuses what is cut short anywhere', async () => {
    const packed = pack(compression, short)
    for (let length = 0; length < packed.length; length += length < packed.length - 20 ? 37 : 1)
      expect(await outcome(packed.subarray(0, length)), `${length} bytes`).toMatch(/is damaged/)
  })

  test('refuses what has anything behind its end', async () => {
    const packed = pack(compression, short)
    for (const garbage of ['\0', '\0\0\0', 'garbage behind the end', '\x1f', '(', 'BZ', '\xfd7zXZ'])
      for (const sizes of [[2 ** 30], [packed.length]]) {
        const bytes = Buffer.concat([packed, Buffer.from(garbage, 'latin1')])
        expect(await outcome(bytes, sizes), JSON.stringify(garbage)).toMatch(/is damaged/)
      }
  })

  test('fails in no other way than by calling it damaged', async () => {
    const packed = pack(compression, short)
    const edits = fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(edits, async (edits) => {
        const edited = Buffer.from(packed)
        for (const [at, byte] of edits) edited[at] = byte
        await outcome(edited)
      }),
      { numRuns: 200 },
    )
  })

  if (compression === 'br') return

  test('unpacks streams one after the other', async () => {
    const packed = Buffer.concat([pack(compression, short), pack(compression, original)])
    const first = pack(compression, short).length
    for (const sizes of [[2 ** 30], [first], [1000]])
      expect(await outcome(packed, sizes)).toBe(digestOf(Buffer.concat([short, original])))
  })

  // node:zlib goes from one gzip stream to the next by itself, in next to no time
  if (compression === 'gzip') return

  test('refuses a file of very many streams that hold next to nothing', async () => {
    for (const contents of [Buffer.alloc(0), Buffer.from('x')]) {
      const stream = pack(compression, contents)
      const many = (count: number) => Buffer.concat(Array.from({ length: count }, () => stream))
      expect(await outcome(many(1200))).toMatch(/hold next to nothing/)
      const few = Buffer.concat(Array.from({ length: 400 }, () => contents))
      expect(await outcome(many(400))).toBe(digestOf(few))
    }
  })
})

testWith(['zstd'])('unpacks zstd of every kind', async () => {
  for (const options of [['-1', '--no-check'], ['-19', '--long=27'], ['--ultra', '-22'], ['-T2']]) {
    const packed = packWith('zstd', ['-q', ...options], original)
    expect(digestOf(await joined(unpack('zstd', arriving(packed, [999]))))).toBe(digestOf(original))
  }
})
