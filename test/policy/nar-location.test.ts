import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { locateNar } from '../../src/policy/nar-location.ts'

const base = 'https://cache.example.org/team'

describe("a narinfo's URL", () => {
  test.each([
    ['nar/abc.nar.xz', 'https://cache.example.org/team/nar/abc.nar.xz'],
    ['nar/abc.nar?hash=123', 'https://cache.example.org/team/nar/abc.nar?hash=123'],
    ['/nar/abc.nar', 'https://cache.example.org/nar/abc.nar'],
    ['https://cache.example.org/x/abc.nar', 'https://cache.example.org/x/abc.nar'],
  ])('%s is fetched from %s', (url, address) => {
    expect(locateNar(base, url).href).toBe(address)
  })

  test.each([
    'https://evil.example.net/nar/abc.nar',
    'http://cache.example.org/nar/abc.nar',
    'https://cache.example.org:8443/nar/abc.nar',
    'https://user@cache.example.org/nar/abc.nar',
    '//evil.example.net/nar/abc.nar',
    '/\\evil.example.net/nar/abc.nar',
    'file:///etc/passwd',
    '../secret.nar',
    'nar/../../secret.nar',
    'nar/%2e%2e/secret.nar',
    'nar/..%2fsecret.nar',
    'nar/a b.nar',
    'nar/a\u0000.nar',
    'nar/a\nHost: evil',
  ])('%j is refused', (url) => {
    expect(() => locateNar(base, url)).toThrow(expect.objectContaining({ code: 'FOREIGN_URL' }))
  })

  test('of a directory cache it stays in the directory', () => {
    expect(locateNar('file:///srv/cache', 'nar/a.nar').pathname).toBe('/srv/cache/nar/a.nar')
    expect(() => locateNar('file:///srv/cache', '/etc/passwd')).toThrow(AppError)
    expect(() => locateNar('file:///srv/cache', 'file:///etc/passwd')).toThrow(AppError)
  })

  test('whatever it says, it leads to the same origin or is refused', () => {
    const url = fc.oneof(
      fc.string(),
      fc.webUrl(),
      fc.stringMatching(/^[./\\%2ef:a-z@?#-]{0,30}$/),
      fc.webUrl().map((web) => web.slice(web.indexOf('//'))),
    )
    fc.assert(
      fc.property(url, (text) => {
        try {
          const target = locateNar(base, text)
          expect(target.origin).toBe('https://cache.example.org')
          expect(target.pathname.split('/')).not.toContain('..')
        } catch (error) {
          expect(error).toBeInstanceOf(AppError)
        }
      }),
    )
  })
})
