import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readSample } from '../../../src/cli/measure/codec-rates.ts'
import { packXz } from '../../../src/cli/measure/pack-xz.ts'
import { unpack } from '../../../src/codec/unpack.ts'
import { testWith } from '../../support/programs.ts'

const text = Buffer.from('the same words again and again, '.repeat(2000))
/** More than one LZMA2 chunk of either limit: 64 KiB packed, 2 MiB unpacked. */
const subjects = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('x'),
  'three bytes': Buffer.from('abc'),
  words: text,
  zeros: Buffer.alloc(5_000_000),
  noise: randomBytes(300_000),
  'words, noise and words': Buffer.concat([text, randomBytes(100_000), text]),
} as const

async function unpacked(file: Buffer): Promise<Buffer> {
  let at = 0
  const pieces: Buffer[] = []
  for await (const piece of unpack('xz', async (into) => {
    const bytes = file.copy(into, 0, at)
    at += bytes
    return bytes
  }))
    pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

test.each(Object.entries(subjects))("narwhal's decoder unpacks %s", async (_, data) => {
  expect((await unpacked(packXz(data))).equals(data)).toBe(true)
})

testWith(['xz'])('xz itself finds nothing wrong', () => {
  for (const data of Object.values(subjects)) {
    const { stdout, status } = spawnSync('xz', ['-dc'], { input: packXz(data), maxBuffer: 2 ** 25 })
    expect(status).toBe(0)
    expect(stdout.equals(data)).toBe(true)
  }
})

test('any bytes come back', async () => {
  const word = fc.constantFrom('ab', 'abcab', '\0\0\0', 'xyz')
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array)),
    fc.array(word, { maxLength: 500 }).map((words) => Buffer.from(words.join(''))),
  )
  await fc.assert(
    fc.asyncProperty(bytes, async (data) => {
      expect((await unpacked(packXz(data))).equals(data)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

testWith(['xz'])(
  'packs programs nearly as tightly as xz, so that unpacking is as much work',
  async () => {
    const sample = await readSample()
    expect(sample.length).toBeGreaterThan(1_000_000)
    const { stdout } = spawnSync('xz', ['-6', '-c'], { input: sample, maxBuffer: 2 ** 25 })
    expect(packXz(sample).length / stdout.length).toBeLessThan(1.35)
  },
)
