import fc from 'fast-check'
import { expect, test } from 'vitest'
import { address, formatAddress } from '../../src/config/address.ts'
import { cacheUrl } from '../../src/config/cache-url.ts'
import {
  absoluteDirectory,
  amount,
  duration,
  flag,
  flagOrAuto,
  integer,
  type Kind,
  size,
} from '../../src/config/kind.ts'
import type { Problem } from '../../src/config/mistake.ts'
import { publicKey } from '../../src/config/public-key.ts'

const nixosKey = 'cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY='

function read<T>(kind: Kind<T>, value: unknown): { value: T | undefined; problems: Problem[] } {
  const problems: Problem[] = []
  const complain = (problem: Problem) => {
    problems.push(problem)
    return undefined
  }
  return { value: kind.read(value, complain), problems }
}

test.each([
  ['[::]:5000', { host: '::', port: 5000 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['cache.lan:65535', { host: 'cache.lan', port: 65535 }],
  ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0', port: 80 }],
])('listens on %s', (text, expected) => {
  expect(read(address, text)).toEqual({ value: expected, problems: [] })
  expect(formatAddress(expected)).toBe(text)
})

test.each([
  ['5000', '"[::]:5000"'],
  [':5000', '"[::]:5000"'],
  ['*:5000', '"[::]:5000"'],
  ['::1:5000', '"[::1]:5000"'],
  ['localhost', '"localhost:5000"'],
  ['a:65536', undefined],
  ['a b:1', undefined],
  ['[::g]:1', undefined],
  ['[::1]', undefined],
  ['999.1.1.1:80', undefined],
  ['http://a:80', undefined],
  ['', undefined],
])('does not listen on %j, and suggests %s', (text, suggestion) => {
  const { value, problems } = read(address, text)
  expect(value).toBeUndefined()
  expect(problems).toHaveLength(1)
  expect(problems[0]?.suggestion).toBe(suggestion)
})

test.each([
  ['https://cache.nixos.org/', 'https://cache.nixos.org'],
  ['HTTPS://Cache.NixOS.org:443', 'https://cache.nixos.org'],
  ['http://[::1]:8080/nix//', 'http://[::1]:8080/nix'],
  ['file:///srv/cache/', 'file:///srv/cache'],
])('the cache %s is %s', (text, url) => {
  expect(read(cacheUrl, text)).toEqual({ value: url, problems: [] })
})

test.each([
  ['cache.nixos.org', '"https://cache.nixos.org"'],
  ['localhost:8080/x', '"https://localhost:8080/x"'],
  ['/srv/cache', '"file:///srv/cache"'],
  ['s3://bucket', undefined],
  ['https://', undefined],
  ['https:/x', undefined],
  ['https://a b', undefined],
  [' https://a', undefined],
  ['https://a?x=1', undefined],
  ['https://a#x', undefined],
  ['file://srv/cache', undefined],
  ['file:///', undefined],
  ['nix-store', undefined],
])('%j is no cache; suggested: %s', (text, suggestion) => {
  const { value, problems } = read(cacheUrl, text)
  expect(value).toBeUndefined()
  expect(problems.map((problem) => problem.suggestion)).toEqual([suggestion])
})

test('a password in an address is refused and never repeated', () => {
  for (const scheme of ['https', 'htps', 'file', 'ssh']) {
    const { value, problems } = read(cacheUrl, `${scheme}://me:hunter2@cache.lan/x`)
    expect(value).toBeUndefined()
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  }
})

test('a public key stays as it is written; its secret half is refused and never repeated', () => {
  expect(read(publicKey, ` ${nixosKey}\n`).value).toBe(nixosKey)
  const secret = Buffer.alloc(64, 7).toString('base64')
  for (const text of [`k-1:${secret}`, secret, 'k-1:', '', nixosKey.slice(0, -4)]) {
    const { value, problems } = read(publicKey, text)
    expect(value).toBeUndefined()
    expect(JSON.stringify(problems)).not.toContain(secret.slice(0, 20))
  }
})

test('sizes are bytes or a share', () => {
  expect(read(amount, '50GiB').value).toEqual({ kind: 'bytes', bytes: 50 * 1024 ** 3 })
  expect(read(amount, '12.5%').value).toEqual({ kind: 'percent', percent: 12.5 })
  expect(read(amount, '0').value).toEqual({ kind: 'bytes', bytes: 0 })
  for (const wrong of ['101%', '-1%', '%', '5 potatoes', '', '9e9TiB', 'constructor'])
    expect(read(amount, wrong)).toMatchObject({ value: undefined, problems: [{}] })
})

test('a size without a unit is taken for a slip', () => {
  expect(read(size, '50').problems[0]?.suggestion).toBe('"50GiB"')
})

test('durations stay within what a timer can wait', () => {
  expect(read(duration, '90s').value).toBe(90_000)
  expect(read(duration, '24d').value).toBe(24 * 86_400_000)
  expect(read(duration, '25d').value).toBeUndefined()
  expect(read(duration, '30').value).toBeUndefined()
})

test('numbers are whole and within bounds, wherever they come from', () => {
  const kind = integer({ least: 1, most: 10, example: 5 })
  for (const wrong of [0, 11, 1.5, Number.NaN, 10n, '5', true, null])
    expect(read(kind, wrong).value).toBeUndefined()
  expect(read(kind, kind.fromText(' 7 ')).value).toBe(7)
  for (const text of ['', 'x', '1e1', '0x5', '1.0', '11'])
    expect(read(kind, kind.fromText(text)).value).toBeUndefined()
})

test('a store directory is absolute and plain', () => {
  expect(read(absoluteDirectory, '/gnu/store').value).toBe('/gnu/store')
  expect(read(absoluteDirectory, '/nix/store/').problems[0]?.suggestion).toBe('"/nix/store"')
  for (const wrong of ['', '/', 'nix/store', '/nix//store', '/nix/../store', '/a\nb'])
    expect(read(absoluteDirectory, wrong).value).toBeUndefined()
})

test('whatever is given, each kind either reads it or complains', () => {
  const kinds = [address, cacheUrl, publicKey, amount, size, duration, absoluteDirectory]
  fc.assert(
    fc.property(fc.constantFrom(...(kinds as Kind<unknown>[])), fc.anything(), (kind, value) => {
      const { value: result, problems } = read(kind, value)
      expect(result === undefined).toBe(problems.length > 0)
    }),
    { numRuns: 500 },
  )
})

test.each([
  [flag, 'true', true],
  [flag, 'false', false],
  [flagOrAuto, 'auto', 'auto'],
  [flagOrAuto, ' true ', true],
])('%#: "%s" from the environment', (kind, text, expected) => {
  expect(read<unknown>(kind, kind.fromText(text))).toEqual({ value: expected, problems: [] })
})

test.each([
  [flag, 'yes'],
  [flag, 'auto'],
  [flag, 1],
  [flagOrAuto, 'on'],
])('%#: %s is neither true nor false', (kind, value) => {
  const { value: result, problems } = read<unknown>(kind, value)
  expect(result).toBeUndefined()
  expect(problems[0]?.message).toContain('expected true')
})
