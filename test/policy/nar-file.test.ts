import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { parseNarInfo } from '../../src/nix/narinfo.ts'
import { narFileOf, parseNarFile } from '../../src/policy/nar-file.ts'

const storeHash = '00000000000000000000000000000001'.slice(0, 32)
const digest = '1b9p07z77phvv2hf6gm9f28syp39f1ag88h6j3jmz8lh5nfzkzh2'
const other = '0b9p07z77phvv2hf6gm9f28syp39f1ag88h6j3jmz8lh5nfzkzh2'

function narinfo(url: string, fields: string[] = []): NarInfo {
  const lines = [
    `StorePath: /nix/store/${storeHash}-hello`,
    `URL: ${url}`,
    `NarHash: sha256:${digest}`,
    'NarSize: 120',
    'References: ',
    ...fields,
  ]
  return parseNarInfo(`${lines.join('\n')}\n`)
}

describe('naming the NAR of a narinfo', () => {
  test("keeps the upstream's name where that says the file's hash", () => {
    const info = narinfo(`nar/${other}.nar.xz`, [`FileHash: sha256:${other}`, 'Compression: xz'])
    expect(narFileOf(info)).toBe(`${other}.nar.xz`)
  })

  test.each([
    ['a Cachix uuid', 'nar/8ab3b7c2-7c64-4b0a-9a5e-0e4d5f1b7a11.nar.zst', 'zstd', '.zst'],
    ['harmonia', `nar/${digest}.nar?hash=${storeHash}`, 'none', ''],
    ['nix-serve', `nar/${storeHash}-${digest}.nar`, 'none', ''],
    ['attic', `nar/${storeHash}.nar`, 'zstd', '.zst'],
  ])('names %s by store hash and NarHash', (_, url, compression, extension) => {
    const info = narinfo(url, [`Compression: ${compression}`])
    expect(narFileOf(info)).toBe(`${storeHash}-${digest}.nar${extension}`)
  })

  test('names by store hash and NarHash where the name says another hash than FileHash', () => {
    const info = narinfo(`nar/${digest}.nar.xz`, [`FileHash: sha256:${other}`, 'Compression: xz'])
    expect(narFileOf(info)).toBe(`${storeHash}-${digest}.nar.xz`)
  })

  test('what is handed out is understood again', () => {
    const name = narFileOf(narinfo('nar/x', ['Compression: zstd']))
    expect(parseNarFile(name)).toMatchObject({
      shape: 'path',
      storeHash,
      compression: 'zstd',
      name,
    })
  })
})

test('any string is one of our names, letter for letter, or none', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-z]{52}\.nar(\.[a-z]{0,4})?$/)),
      (text) => {
        const file = parseNarFile(text)
        if (file) expect(file.name).toBe(text)
      },
    ),
  )
  for (const bad of ['', '.nar', `${digest}.nar/`, `${digest}.nar.exe`, `../${digest}.nar`, digest])
    expect(parseNarFile(bad)).toBeUndefined()
})
