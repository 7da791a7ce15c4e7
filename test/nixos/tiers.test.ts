import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isKnownToNix, isNixAtLeast } from '../../src/nixos/nix-version.ts'
import { nearSubstituters, nixosCache, substituter, tiersOf } from '../../src/nixos/tiers.ts'

describe('caches are asked nearest first', () => {
  test('client, local, remote, cache.nixos.org', () => {
    expect(tiersOf(['http://local:5000', 'http://remote:5000'])).toEqual([
      { url: 'http://local:5000', priority: 10 },
      { url: 'http://remote:5000', priority: 15 },
      { url: nixosCache, priority: 40 },
    ])
  })

  test('however many there are, each has a better priority than the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 29 }), (count) => {
        const urls = Array.from({ length: count }, (_, at) => `http://cache-${at}`)
        const priorities = tiersOf(urls).map(({ priority }) => priority)
        expect(priorities).toEqual([...new Set(priorities)].sort((a, b) => a - b))
        expect(priorities.at(-1)).toBe(40)
      }),
    )
  })

  test('cache.nixos.org stands behind all others, and once', () => {
    const urls = tiersOf([nixosCache, 'http://a']).map(({ url }) => url)
    expect(urls).toEqual(['http://a', nixosCache])
  })

  test('nix.conf gets the priority with the address, but for the one that Nix knows', () => {
    expect(nearSubstituters(['http://a:5000', nixosCache])).toEqual(['http://a:5000?priority=10'])
    expect(substituter({ url: 'http://a?trusted=1', priority: 5 })).toBe(
      'http://a?trusted=1&priority=5',
    )
    expect(substituter({ url: nixosCache, priority: 40 })).toBe(nixosCache)
  })
})

describe('a setting is for a Nix that knows it', () => {
  test.each([
    ['2.31.2', '2.24', true],
    ['2.24', '2.24', true],
    ['2.24.0pre20240801', '2.24', true],
    ['2.8.0', '2.16', false],
    ['3.0', '2.16', true],
    ['1.99', '2.0', false],
    ['lix', '2.16', undefined],
  ])('%s has what %s brought: %s', (version, minimum, answer) => {
    expect(isNixAtLeast(version, minimum)).toBe(answer)
  })

  test('where the version is not known, the caller decides', () => {
    const because = { text: '', source: '', check: '' }
    const setting = { key: 'fallback', value: true, because, minimumNix: '2.24' }
    for (const assumed of [true, false]) {
      expect(isKnownToNix(setting, undefined, assumed)).toBe(assumed)
      expect(isKnownToNix(setting, 'lix', assumed)).toBe(assumed)
      expect(isKnownToNix(setting, '2.8.0', assumed)).toBe(false)
      expect(isKnownToNix({ ...setting, key: 'cores' }, '2.31', assumed)).toBe(true)
    }
  })
})
