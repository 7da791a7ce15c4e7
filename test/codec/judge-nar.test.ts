import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { judgeNar } from '../../src/codec/judge-nar.ts'
import { AppError } from '../../src/errors.ts'
import type { Hash } from '../../src/nix/hash.ts'

const nar = Buffer.from('not quite a NAR')
const claim = { narHash: sha256(nar), narSize: nar.length }

test('accepts what is as claimed', async () => {
  expect(await judge([nar.subarray(0, 4), nar.subarray(4)])).toEqual({ ok: true })
})

test.each([
  ['is too short', [nar.subarray(1)], 'it unpacks to 14 bytes instead of NarSize (15)'],
  ['is too long', [nar, nar], 'it unpacks to more than NarSize (15) bytes'],
  ['is empty', [], 'it unpacks to 0 bytes instead of NarSize (15)'],
])('refuses what %s', async (_, pieces, reason) => {
  expect(await judge(pieces)).toEqual({ ok: false, reason })
})

test('refuses another hash and names both', async () => {
  const verdict = await judge([Buffer.from('not quite a nar')])
  expect(verdict).toMatchObject({
    reason: expect.stringMatching(/^its NarHash is sha256:\w{52} instead of sha256:\w{52}$/),
  })
})

test('takes damage for a verdict and any other failure for a fault', async () => {
  expect(await judge(failing(new AppError('CORRUPT', 'xz stream is damaged: x')))).toEqual({
    ok: false,
    reason: 'xz stream is damaged: x',
  })
  await expect(judge(failing(new AppError('DISK', 'no')))).rejects.toMatchObject({ code: 'DISK' })
})

test('stops unpacking at the first byte too many', async () => {
  let pieces = 0
  let isReleased = false
  async function* bomb() {
    try {
      for (;;) {
        pieces += 1
        yield Buffer.alloc(10)
      }
    } finally {
      isReleased = true
    }
  }
  expect(await judge(bomb())).toMatchObject({ ok: false })
  expect(pieces).toBe(2)
  expect(isReleased).toBe(true)
})

function judge(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  async function* arriving() {
    yield* pieces
  }
  return judgeNar(arriving(), claim, async () => {})
}

async function* failing(error: Error): AsyncGenerator<Uint8Array> {
  yield nar
  throw error
}

function sha256(bytes: Uint8Array): Hash {
  return { algorithm: 'sha256', digest: createHash('sha256').update(bytes).digest() }
}
