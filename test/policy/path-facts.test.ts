import { expect, test } from 'vitest'
import { baseName, type StoreHash } from '../../src/nix/store-path.ts'
import { factsIn, referencesIn } from '../../src/policy/path-facts.ts'
import { handOut } from '../../src/proxy/hand-out.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

test('reads what the strict parser reads', async () => {
  const cache = await syntheticCache({ paths: 40, totalBytes: 40_000 })
  expect(
    cache.infos.some((info) => info.references.some(({ hash }) => hash === info.storePath.hash)),
  ).toBe(true)
  for (const info of cache.infos) {
    const { hash } = info.storePath
    const record = handOut(info, 'up')
    expect(factsIn(Buffer.from(record.text), hash)).toEqual({
      hash,
      references: info.references
        .toSorted((a, b) => (baseName(a) < baseName(b) ? -1 : 1))
        .map((path) => path.hash)
        .filter((other) => other !== hash),
      file: record.file,
      bytes: info.fileSize,
    })
  }
})

test('takes the size of the NAR for an upper bound where the file has none', async () => {
  const cache = await syntheticCache({ paths: 1, totalBytes: 1000 })
  const [info] = cache.infos
  if (!info) throw new Error('no path')
  const text = Buffer.from(handOut({ ...info, fileSize: undefined }, 'up').text)
  expect(factsIn(text, info.storePath.hash)?.bytes).toBe(info.narSize)
})

test('what is no narinfo has no facts', () => {
  const hash = '0'.repeat(32) as StoreHash
  expect(factsIn(Buffer.from('nonsense\n'), hash)).toBeUndefined()
  expect(referencesIn(Buffer.from('nonsense\nReferences: \n'), hash)).toEqual([])
})
