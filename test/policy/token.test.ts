import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import {
  findToken,
  formatToken,
  parseTokens,
  printTokens,
  saltBytes,
  tokenBytes,
  tokenIn,
  tokenRecord,
} from '../../src/policy/token.ts'

const created = '2026-11-23T00:00:00.000Z'
const now = Date.parse('2026-12-01T00:00:00Z')

function newToken(name: string, expires?: string) {
  const token = formatToken(randomBytes(tokenBytes))
  return { token, record: tokenRecord(token, { name, created, expires }, randomBytes(saltBytes)) }
}

describe('tokens', () => {
  test('are found again, each its own, until they expire', () => {
    const [a, b] = [newToken('a'), newToken('b', '2026-11-30T00:00:00Z')]
    const records = [a.record, b.record]
    expect(findToken(a.token, records, now)?.name).toBe('a')
    expect(findToken(b.token, records, now)).toBeUndefined()
    expect(findToken(b.token, records, now - 7 * 86_400_000)?.name).toBe('b')
    expect(findToken(newToken('c').token, records, now)).toBeUndefined()
    expect(findToken('', records, now)).toBeUndefined()
  })

  test('are not in what is kept of them, and are kept differently each time', () => {
    const { token, record } = newToken('a')
    const again = tokenRecord(token, { name: 'b', created }, randomBytes(saltBytes))
    expect(again.hash).not.toBe(record.hash)
    const text = printTokens([record, again])
    expect(text).not.toContain(token)
    expect(text).not.toContain(token.slice(8))
    expect(parseTokens(text)).toEqual(
      [record, again].map((each) => JSON.parse(JSON.stringify(each))),
    )
  })

  test('have 256 bits after a prefix that tells what they are', () => {
    expect(newToken('a').token).toMatch(/^narwhal_[\w-]{43}$/)
  })
})

test.each([
  ['Basic bmFtZTpzZWNyZXQ=', 'secret'],
  ['basic OnNlY3JldA==', 'secret'],
  ['Basic bmFtZTphOmI6Yw==', 'a:b:c'],
  ['Bearer secret', 'secret'],
  ['bearer  narwhal_a-b_c', 'narwhal_a-b_c'],
  ['Basic bmFtZQ==', undefined],
  ['Digest x', undefined],
  ['secret', undefined],
  ['', undefined],
  [undefined, undefined],
])('%s holds the token %s', (header, token) => {
  expect(tokenIn(header)).toBe(token)
})

test.each([
  ['no JSON', '{'],
  ['another version', '{"version":2,"tokens":[]}'],
  ['no list', '{"version":1,"tokens":{}}'],
  ['null', 'null'],
  ['a record without a hash', '{"version":1,"tokens":[{"name":"a"}]}'],
  ['null in place of a record', '{"version":1,"tokens":[null]}'],
  [
    'two of one name',
    JSON.stringify({ version: 1, tokens: [newToken('a').record, newToken('a').record] }),
  ],
  [
    'a short hash',
    JSON.stringify({ version: 1, tokens: [{ ...newToken('a').record, hash: 'ab' }] }),
  ],
  [
    'no date',
    JSON.stringify({ version: 1, tokens: [{ ...newToken('a').record, expires: 'soon' }] }),
  ],
])('a file with %s is refused', (_, text) => {
  expect(() => parseTokens(text)).toThrow(AppError)
})
