import { expect, test } from 'vitest'
import { mayFollow } from '../../src/policy/redirect.ts'

const follows = (from: string, to: string) => mayFollow(new URL(from), new URL(to))

test.each([
  ['https://cache.example.org/nar/a', 'https://storage.example.net/a?sig=1'],
  ['http://cache.example.org/nar/a', 'https://cache.example.org/nar/a'],
  ['http://127.0.0.1:8000/a', 'http://127.0.0.1:8001/a'],
  ['https://cache.example.org/a', 'https://feature-cache.s3.example.com/a'],
  ['http://10.0.0.1/a', 'http://10.0.0.2/a'],
])('%s may lead to %s', (from, to) => {
  expect(follows(from, to)).toBe(true)
})

test.each([
  ['https://cache.example.org/a', 'http://cache.example.org/a'],
  ['https://cache.example.org/a', 'https://127.0.0.1/a'],
  ['https://cache.example.org/a', 'https://[::1]/a'],
  ['https://cache.example.org/a', 'https://169.254.169.254/latest/meta-data'],
  ['https://cache.example.org/a', 'https://localhost/a'],
  ['https://cache.example.org/a', 'https://localhost./a'],
  ['https://cache.example.org/a', 'https://192.168.1.1/a'],
  ['https://cache.example.org/a', 'https://[fe80::1]/a'],
  ['https://cache.example.org/a', 'https://2130706433/a'],
  ['http://10.0.0.1/a', 'http://169.254.169.254/latest/meta-data'],
  ['http://127.0.0.1/a', 'http://[fe80::1]/a'],
  ['http://127.0.0.1/a', 'http://[::ffff:169.254.169.254]/a'],
  ['https://cache.example.org/a', 'ftp://cache.example.org/a'],
  ['https://cache.example.org/a', 'file:///etc/passwd'],
  ['https://cache.example.org/a', 'https://user:pw@storage.example.net/a'],
])('%s may not lead to %s', (from, to) => {
  expect(follows(from, to)).toBe(false)
})
