import { expect, test } from 'vitest'
import {
  compressionExtension,
  compressionOfExtension,
  isCompression,
} from '../../src/nix/compression.ts'

const all = 'none br bzip2 compress grzip gzip lrzip lz4 lzip lzma lzop xz zstd'.split(' ')

test('knows every compression Nix does, each by an extension of its own', () => {
  for (const name of all) {
    expect(isCompression(name)).toBe(true)
    if (isCompression(name)) expect(compressionOfExtension(compressionExtension(name))).toBe(name)
  }
})

test('spells extensions as Nix does', () => {
  expect(compressionExtension('none')).toBe('')
  expect(compressionExtension('xz')).toBe('.xz')
  expect(compressionExtension('bzip2')).toBe('.bz2')
  expect(compressionExtension('zstd')).toBe('.zst')
  expect(compressionExtension('lzip')).toBe('.lzip')
})

test('knows nothing else', () => {
  for (const name of ['', 'XZ', 'zst', 'constructor', '__proto__', 'toString'])
    expect(isCompression(name)).toBe(false)
  expect(compressionOfExtension('.tar')).toBeUndefined()
})
