import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { admit } from '../../src/server/gate.ts'

const hash = 'a'.repeat(32)
const digest = '0'.repeat(52)

describe('the gate', () => {
  test('admits what a cache serves', () => {
    expect(admit('GET', '/nix-cache-info')).toEqual({ kind: 'cache-info' })
    expect(admit('HEAD', `/${hash}.narinfo`)).toEqual({ kind: 'narinfo', hash })
    expect(admit('GET', `/nar/${digest}.nar.xz`)).toMatchObject({ kind: 'nar' })
    expect(admit('GET', `/nar/${hash}-${digest}.nar`)).toMatchObject({ kind: 'nar' })
    expect(admit('GET', '/')).toEqual({ kind: 'home' })
  })

  test.each([
    ['/nar/../../etc/passwd', 404],
    ['/nar/%2e%2e/%2e%2e/etc/passwd', 404],
    ['/nar/%252e%252e/etc/passwd', 404],
    ['/nar/..%2fetc%2fpasswd', 404],
    ['/nar/..%5cetc', 404],
    ['/nar/..\\etc', 400],
    [`/${hash}.narinfo%00`, 404],
    [`/nar/${digest}.nar%`, 400],
    ['//host/nix-cache-info', 400],
    ['http://host/nix-cache-info', 400],
    ['host:80', 400],
    ['*', 400],
    [`/${hash.toUpperCase()}.narinfo`, 404],
    [`/${'e'.repeat(32)}.narinfo`, 404],
    [`/${hash}.narinfo/`, 404],
    [`/${hash}.narinfo?x=1`, 404],
    ['/nix-cache-info/', 404],
    ['/tmp/x', 404],
    ['/index.sqlite', 404],
  ])('refuses %s with %i', (url, status) => {
    expect(admit('GET', url)).toEqual({ kind: 'refused', status })
  })

  test('refuses a URL longer than any it serves', () => {
    expect(admit('GET', `/${'a'.repeat(3000)}`)).toEqual({ kind: 'refused', status: 414 })
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND'])(
    'refuses %s',
    (method) => {
      expect(admit(method, '/nix-cache-info')).toEqual({ kind: 'refused', status: 405 })
    },
  )

  test('whatever is asked, a file name that leaves the gate has no way up in it', () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '/',
      '%2e',
      '%2f',
      '\\',
      'nar',
      hash,
      digest,
      '.nar',
      '.xz',
      '\0',
      '?',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const target = admit('GET', `/${pieces.join('')}`)
        if (target.kind === 'nar')
          expect(target.file.name).toMatch(/^[0-9a-z-]+\.nar(\.[0-9a-z]+)?$/)
      }),
    )
  })
})
