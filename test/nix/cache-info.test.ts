import { expect, test } from 'vitest'
import { parseCacheInfo, printCacheInfo } from '../../src/nix/cache-info.ts'
import { codeOf } from './code-of.ts'

test('reads what cache.nixos.org says', () => {
  expect(parseCacheInfo('StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n')).toEqual({
    storeDir: '/nix/store',
    wantMassQuery: true,
    priority: 40,
  })
})

test('reads back what it prints', () => {
  for (const priority of [undefined, 0, 30])
    for (const wantMassQuery of [true, false]) {
      const info = { storeDir: '/nix/store', wantMassQuery, priority }
      expect(parseCacheInfo(printCacheInfo(info))).toEqual(info)
    }
})

test('is as lenient as Nix: CRLF, other fields, no final newline, nonsense for a priority', () => {
  const text =
    '__proto__: x\r\nStoreDir:/nix/store\r\nhello\r\nPriority: high\r\nWantMassQuery: true'
  expect(parseCacheInfo(text)).toEqual({
    storeDir: '/nix/store',
    wantMassQuery: false,
    priority: undefined,
  })
})

test('refuses what names no store directory', () => {
  for (const text of ['', '<html>Please log in: here</html>', 'StoreDir: \n', 'StoreDir: nix\n'])
    expect(codeOf(() => parseCacheInfo(text))).toBe('BAD_CACHE_INFO')
})
