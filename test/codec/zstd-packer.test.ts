import { createHash } from 'node:crypto'
import { constants, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ZstdPacker } from '../../src/codec/zstd-packer.ts'
import { MiB } from '../../src/units.ts'
import { digestOf } from './arrival.ts'
import { binaryLike, flipped } from './packed.ts'

const nar = binaryLike(700_000)
/** Bytes that no compression makes smaller. */
const noise = Buffer.concat(
  Array.from({ length: 10_000 }, (_, at) => createHash('sha256').update(`${at}`).digest()),
)

test('packs the same bytes the same however they come', async () => {
  const whole = digestOf(await pack(nar, { sizes: [nar.length] }))
  const sizes = fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(sizes, async (sizes) => {
      const total = sizes.reduce((sum, size) => sum + size, 0)
      fc.pre(total > 20_000 * sizes.length)
      expect(digestOf(await pack(nar, { sizes }))).toBe(whole)
    }),
    { numRuns: 40 },
  )
})

test.each([0, 1, 255, 256, 262_143, 262_144, 262_145, 524_288])(
  'packs %d bytes so that they come out again',
  async (length) => {
    const bytes = nar.subarray(0, length)
    expect(zstdDecompressSync(await pack(bytes)).equals(bytes)).toBe(true)
  },
)

test('says the true size in one frame, with a checksum', async () => {
  for (const length of [0, 100, 70_000, 700_000]) {
    const packed = await pack(nar.subarray(0, length))
    expect(headerOf(packed), `${length}`).toEqual({ contentBytes: length, hasChecksum: true })
    // a second frame would begin with the magic number again
    expect(packed.lastIndexOf(packed.subarray(0, 4))).toBe(0)
  }
})

test('one flipped bit in what could not be compressed does not pass', async () => {
  const packed = await pack(noise)
  for (const at of [1000, packed.length >> 1, packed.length - 1000])
    expect(() => zstdDecompressSync(flipped(packed, at, 1)), `byte ${at}`).toThrow()
})

describe.each(Array.from({ length: 19 }, (_, at) => at + 1))('level %d', (level) => {
  test('needs no window over 8 MiB to unpack', async () => {
    const bytes = Buffer.alloc(20 * MiB)
    const params = { [constants.ZSTD_d_windowLogMax]: 23 }
    const unpacked = zstdDecompressSync(await pack(bytes, { level }), { params })
    expect(unpacked.equals(bytes)).toBe(true)
  })
})

test('ends no frame whose size was a lie', async () => {
  for (const size of [nar.length - 1, nar.length + 1])
    await expect(pack(nar, { size })).rejects.toMatchObject({ code: 'CHECK_FAILED' })
})

async function pack(
  bytes: Uint8Array,
  { level = 3, size = bytes.length, sizes = [100_000] } = {},
): Promise<Buffer> {
  const packer = new ZstdPacker(level, size)
  onTestFinished(() => packer.destroy())
  const packed: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    // a copy that is spoilt afterwards, as decoders reuse their memory
    const piece = Buffer.from(bytes.subarray(at, at + (sizes[turn % sizes.length] as number)))
    for await (const chunk of packer.pack(piece)) packed.push(Buffer.from(chunk))
    at += piece.length
    piece.fill(0)
  }
  for await (const chunk of packer.finish()) packed.push(Buffer.from(chunk))
  return Buffer.concat(packed)
}

/** RFC 8878, section 3.1.1.1. */
function headerOf(frame: Buffer): { contentBytes: number | undefined; hasChecksum: boolean } {
  expect(frame.readUInt32LE(0)).toBe(0xfd2fb528)
  const flags = frame.readUInt8(4)
  const isSingle = (flags & 0x20) !== 0
  expect(flags & 3, 'no dictionary').toBe(0)
  const at = isSingle ? 5 : 6
  const sizes = [
    () => (isSingle ? frame.readUInt8(at) : undefined),
    () => frame.readUInt16LE(at) + 256,
    () => frame.readUInt32LE(at),
    () => Number(frame.readBigUInt64LE(at)),
  ] as const
  return { contentBytes: sizes[flags >> 6]?.(), hasChecksum: (flags & 4) !== 0 }
}
