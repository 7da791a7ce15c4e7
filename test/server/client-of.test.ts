import { expect, test } from 'vitest'
import { clientKey } from '../../src/server/client-of.ts'

test('an IPv4 address is the same client over IPv6', () => {
  expect(clientKey('::ffff:192.0.2.1')).toBe(clientKey('192.0.2.1'))
  expect(clientKey('::FFFF:192.0.2.1')).toBe(clientKey('192.0.2.1'))
  expect(clientKey('2001:db8::1')).not.toBe(clientKey('192.0.2.1'))
})

test('users of one address are different clients, and their secrets are not kept', () => {
  const [one, other] = ['Basic b25l', 'Basic b3RoZXI='].map((text) => clientKey('192.0.2.1', text))
  expect(new Set([one, other, clientKey('192.0.2.1')]).size).toBe(3)
  expect(one).not.toContain('b25l')
})
