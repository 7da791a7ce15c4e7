import { expect, test } from 'vitest'
import { parseHash } from '../../src/nix/hash.ts'
import { parseNarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { asOriginal, asRepacked, inStepWith } from '../../src/store/repacked.ts'
import type { NarinfoRecord } from '../../src/store/sqlite-index.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

const packed = {
  file: 'zstd.nar.zst',
  fileHash: parseHash(`sha256:${'1'.repeat(52)}`),
  fileSize: 77,
}

async function record(): Promise<NarinfoRecord> {
  const cache = await syntheticCache({ paths: 1, compression: 'none' })
  const [info] = cache.infos
  if (!info) throw new Error('no paths')
  return {
    hash: info.storePath.hash,
    text: printNarInfo(info),
    file: info.url.slice('nar/'.length),
    upstream: 'up',
    upstreamUrl: info.url,
  }
}

test('a narinfo that leads to the zstd form says so, and nothing else has changed', async () => {
  const original = await record()
  const before = parseNarInfo(original.text)
  const after = parseNarInfo(asRepacked(original, packed).text)
  expect(after).toEqual({
    ...before,
    url: 'nar/zstd.nar.zst',
    compression: 'zstd',
    fileHash: packed.fileHash,
    fileSize: 77,
  })
})

test('the way back leads to what the upstream offers, also after two ways there', async () => {
  const original = await record()
  const twice = asRepacked(asRepacked(original, packed), { ...packed, fileSize: 78 })
  expect(twice.original).toEqual({ text: original.text, file: original.file })
  expect(asOriginal(twice)).toEqual({ ...original, original: undefined })
  expect(asOriginal(original)).toBe(original)
})

test('a new narinfo of the same file leads where the old one leads; of another file it does not', async () => {
  const original = await record()
  const before = asRepacked(original, packed)
  const fresh = { ...original, text: original.text.replace(/^Sig: .*\n/m, '') }
  expect(inStepWith(before, fresh)).toMatchObject({ file: packed.file, upstream: 'up' })
  expect(inStepWith(before, fresh).text).not.toContain('Sig:')
  expect(inStepWith(before, { ...fresh, file: 'other.nar' }).file).toBe('other.nar')
  expect(inStepWith(undefined, fresh)).toBe(fresh)
})
