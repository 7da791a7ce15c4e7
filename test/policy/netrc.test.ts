import { expect, test } from 'vitest'
import { loginFor } from '../../src/policy/netrc.ts'

const netrc = `# caches
machine cache.example.org login reader password s3cret
machine other.example.org
  login "with space"
  password "a \\"quoted\\" one"
macdef init
machine cache2.example.org login no password no

machine token.example.org password only
default login anybody password anything
`

test.each([
  ['cache.example.org', { username: 'reader', password: 's3cret' }],
  ['other.example.org', { username: 'with space', password: 'a "quoted" one' }],
  ['cache2.example.org', { username: 'anybody', password: 'anything' }],
  ['elsewhere.example.org', { username: 'anybody', password: 'anything' }],
  ['token.example.org', undefined],
])('%s', (host, login) => {
  expect(loginFor(netrc, host)).toEqual(login)
})

test('a file without the host, or of nonsense, has no login', () => {
  for (const text of ['', 'machine', 'login x password y', 'machine a login b password c'])
    expect(loginFor(text, 'cache.example.org')).toBeUndefined()
})
